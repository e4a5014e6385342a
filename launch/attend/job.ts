/**
 * Job control, credentials(7): our process group, the terminal that we were
 * started from, and the shell that controls us. Runs in the parent, on the
 * host.
 */

import { syscall } from "../../ffi/libc.ts";
import { blockSignals, kill, SIGNAL } from "../../ffi/signal.ts";
import { foregroundGroup, setForegroundGroup } from "../../ffi/termios.ts";
import { takePending } from "./signal_queue.ts";
import {
  waitInBackground,
  type WaitStatus,
  WUNTRACED,
} from "../../ffi/wait.ts";

const STDIN = 0;

/**
 * Our process group if it is the foreground group of the terminal at standard
 * input, otherwise null.
 */
export function ownForegroundGroup(): number | null {
  const group = foregroundGroup(STDIN);
  return group !== null && group === syscall("getpgid", 0) ? group : null;
}

/**
 * Makes our group the foreground group again. Blocks SIGTTOU, since it may be
 * called from the background.
 */
export function takeTerminal(group: number): void {
  blockSignals([SIGNAL.SIGTTOU]);
  setForegroundGroup(STDIN, group);
}

/**
 * Stops this process, or with `wholeJob` its process group, so the user's shell
 * takes over. Returns after SIGCONT.
 */
export function stopHere({ wholeJob }: { wholeJob: boolean }): void {
  kill(wholeJob ? 0 : Deno.pid, SIGNAL.SIGSTOP);
}

/**
 * A SIGTSTP that reaches our job, until the command has stopped because of it.
 * SIGCONT may come in between: a shell continues its job as soon as one process
 * of the job has stopped. Then this process must not stop, since nobody would
 * continue it.
 */
export class StopRequest {
  #state: "none" | "asked" | "taken back" = "none";

  /** Notes a signal that this process has received. */
  seen(signal: number): void {
    if (signal === SIGNAL.SIGTSTP) this.#state = "asked";
    if (signal === SIGNAL.SIGCONT && this.#state === "asked") {
      this.#state = "taken back";
    }
  }

  /** The command has stopped. Returns whether this process may stop as well. */
  take(): boolean {
    // SIGCONT may have come, although the news of the stop is handled first.
    takePending();
    const stands = this.#state !== "taken back";
    this.#state = "none";
    return stands;
  }
}

/** Reads /proc/PID/stat, proc_pid_stat(5). */
function readStat(pid: number | "self") {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const [, parent, group, session] = stat.slice(stat.lastIndexOf(")") + 2)
    .split(" ").map(Number);
  return { parent: parent!, group: group!, session: session! };
}

/**
 * Whether a shell can continue us: an ancestor in our session and outside our
 * process group. Without it our group is orphaned, and the kernel lets no key
 * stop it.
 */
export function hasJobShell(): boolean {
  try {
    const own = readStat("self");
    for (let { parent } = own; parent > 0;) {
      const ancestor = readStat(parent);
      if (ancestor.session !== own.session) return false;
      if (ancestor.group !== own.group) return true;
      parent = ancestor.parent;
    }
    return false;
  } catch {
    // /proc may hide the processes of other users (hidepid), for example
    // sudo's.
    return true;
  }
}

/**
 * Waits for a command that is our own child; calls `stopped` each time it
 * stops.
 */
export async function waitForCommand(
  pid: number,
  stopped: () => void,
): Promise<WaitStatus | null> {
  for (;;) {
    const status = await waitInBackground(pid, WUNTRACED);
    if (!status || !("stopped" in status)) return status;
    stopped();
  }
}
