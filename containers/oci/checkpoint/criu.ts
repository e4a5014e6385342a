/**
 * CRIU, the program that saves processes to files and makes them again: whether
 * it is here and works. Runs on the host; loaded by checkpoint and restore.
 */

import {
  type Descriptor,
  emptyMemoryFile,
  moveUp,
  O,
  open,
  readAt,
} from "../../../ffi/fcntl.ts";
import { wait } from "../../../ffi/wait.ts";
import { compileSteps } from "../../../launch/program.ts";
import { StepError } from "../../../launch/step_error.ts";
import { walk } from "../../../launch/walker.ts";
import { criuProcess } from "../../../plan/criu.ts";
import type { Step } from "../../../plan/step.ts";
import { ContainerError, systemReason } from "../../../spec/errors.ts";

/** What checkpoint and restore are told alike, by runc's names. */
export interface CriuOptions {
  /** The program; that of PATH without it. */
  criu?: string;
  /** Where the files are; absolute. */
  imagePath: string;
  /** Where logs go; the same without it. */
  workPath?: string;
  tcpEstablished: boolean;
  extUnixSk: boolean;
  shellJob: boolean;
  fileLocks: boolean;
  lazyPages: boolean;
  autoDedup: boolean;
  manageCgroups: "soft" | "full" | "strict" | "ignore";
  emptyNs?: string;
}

/** As much as is looked at of what it says. */
const OUTPUT_SIZE = 64 * 1024;

/** How it ended, and what it said. */
export interface CriuEnd {
  success: boolean;
  said: string;
}

/**
 * Runs it to its end, as the walker's execve: it can be handed descriptors so.
 *
 * @param steps from here to its execve, by plan/criu.ts
 * @param fds what it finds open, by number
 */
export function runCriu(
  steps: readonly Step[],
  fds: Record<number, Descriptor> = {},
): CriuEnd {
  using held = new DisposableStack();
  const nothing = held.use(moveUp(open("/dev/null", O.O_RDONLY)));
  const output = held.use(moveUp(emptyMemoryFile("criu")));
  using walking = walk(compileSteps(steps), () => steps, {
    fds: { ...fds, 0: nothing, 1: output, 2: output },
  });
  const status = wait(walking.pid);
  walking.check();
  const bytes = new Uint8Array(OUTPUT_SIZE);
  const size = readAt(output.fd, bytes, 0);
  return {
    success: status !== null && "exited" in status && status.exited === 0,
    said: new TextDecoder().decode(bytes.subarray(0, size)).trim(),
  };
}

/** The program, looked up in PATH. */
export const CRIU = "criu";

/** The variable that it is found by. */
export const searchPath = () =>
  `PATH=${Deno.env.get("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin"}`;

function check(what: string, criu: string): CriuEnd {
  try {
    return runCriu(criuProcess([criu, "check"], searchPath()));
  } catch (error) {
    if (!(error instanceof StepError) || error.step.step !== "execute") {
      throw error;
    }
    throw criu === CRIU
      ? new ContainerError(`Cannot ${what}: criu is not installed`, {
        hint: "Install it: apt-get install criu.",
        cause: error,
      })
      : new ContainerError(`Cannot ${what}: ${criu} cannot be executed`, {
        hint: "Name a criu with --criu FILE, or leave that out.",
        cause: error,
      });
  }
}

/** The first thing that went wrong, in its words. */
export function complaintIn(said: string): string {
  const lines = said.split("\n").filter(Boolean);
  // That a helper of its ended comes before what that means, and it looks for
  // an older iptables beside the one that is here.
  const line = lines.find((line) =>
    line.includes("Error") &&
    !/exited, status=|tables-legacy-save/.test(line)
  ) ?? lines.at(-1);
  return line?.replace(/^.*?Error \(([^)]*)\): /, "$1: ").trim() ?? "no reason";
}

/**
 * Makes sure of it.
 *
 * @param what is to be done: `checkpoint web`
 * @throws {ContainerError} where it is not installed, or does not work here
 */
export function requireCriu(what: string, criu = CRIU): void {
  const checked = check(what, criu);
  if (checked.success) return;
  throw new ContainerError(
    `Cannot ${what}: criu does not work on this kernel: ${
      complaintIn(checked.said)
    }`,
    { hint: "criu check says all of it; a newer criu may know this kernel." },
  );
}

/** What can be done about a complaint, where that is known. */
function adviceOn(complaint: string): string | null {
  const file = /Can't lookup mount=\S+ for fd=(\d+) path=(\S+)/.exec(complaint);
  if (file) {
    return `Its descriptor ${file[1]} is a file of the host, ${
      file[2]
    }: create it with /dev/null or pipes as its streams.`;
  }
  if (/Unable to open \S+\.img: Permission denied/.test(complaint)) {
    return "In a user namespace the container's root has to reach the directory: make its host user the owner of it.";
  }
  if (/dump tmpfs content|restore tmpfs content/.test(complaint)) {
    return "criu saves a tmpfs by GNU tar: is that installed?";
  }
  return null;
}

/** The error of a run that failed, by what its log says. */
export function criuFailed(what: string, log: string): ContainerError {
  let said = "";
  try {
    said = Deno.readTextFileSync(log);
  } catch {
    // It has not come to that.
  }
  const complaint = complaintIn(said);
  const advice = adviceOn(complaint);
  return new ContainerError(`Cannot ${what}: criu: ${complaint}`, {
    hint: `${advice ? `${advice} ` : ""}${log} says all of it.`,
  });
}

function isThere(directory: string): boolean {
  try {
    return Deno.statSync(directory).isDirectory;
  } catch {
    return false;
  }
}

/**
 * Makes a directory for its files, where there is none.
 *
 * @param owner a user to whom it is open beside root; root alone without it
 */
export function makeDirectory(
  what: string,
  path: string,
  owner?: number,
): void {
  try {
    if (isThere(path)) return;
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    if (owner === undefined) return;
    Deno.chownSync(path, owner, null);
    // Between the two it is the host's root without its powers.
    Deno.chmodSync(path, 0o710);
  } catch (cause) {
    throw new ContainerError(
      `Cannot ${what}: the directory ${path} cannot be made: ${
        systemReason(cause)
      }`,
      { hint: "Name another by --image-path DIR, --work-path DIR.", cause },
    );
  }
}
