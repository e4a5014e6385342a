/**
 * Job control, credentials(7): our process group, the terminal we were started
 * from, and the shell that watches us. Runs in the parent, on the host.
 */

import { syscall } from "../../ffi/libc.ts";
import { blockSignals, kill, SIGNAL } from "../../ffi/signal.ts";
import { foregroundGroup, setForegroundGroup } from "../../ffi/termios.ts";
import {
  waitInBackground,
  type WaitStatus,
  WUNTRACED,
} from "../../ffi/wait.ts";

const STDIN = 0;

/** Our process group when it has the terminal at standard input, else null. */
export function ownForegroundGroup(): number | null {
  const group = foregroundGroup(STDIN);
  return group !== null && group === syscall("getpgid", 0) ? group : null;
}

/** Makes our group the terminal's again; from the background too, hence SIGTTOU. */
export function takeTerminal(group: number): void {
  blockSignals([SIGNAL.SIGTTOU]);
  setForegroundGroup(STDIN, group);
}

/**
 * Stops us, and with `wholeJob` our process group with us: then the user's
 * shell takes over. Returns when somebody continues us.
 */
export function stopHere({ wholeJob }: { wholeJob: boolean }): void {
  kill(wholeJob ? 0 : Deno.pid, SIGNAL.SIGSTOP);
}

/** Of /proc/PID/stat, proc_pid_stat(5). */
function readStat(pid: number | "self") {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const [, parent, group, session] = stat.slice(stat.lastIndexOf(")") + 2)
    .split(" ").map(Number);
  return { parent: parent!, group: group!, session: session! };
}

/**
 * Whether a shell is there that can continue us: an ancestor in our session
 * and outside our process group. Without one the group is orphaned, and the
 * kernel lets no key stop it.
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
    // /proc hides other users' processes (hidepid): sudo's, for instance.
    return true;
  }
}

/** Waits for a command that is our own child, and tells when it stops. */
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
