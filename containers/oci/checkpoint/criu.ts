/**
 * Runs CRIU, the program that saves processes to files and restores them, and
 * checks whether it works here. Runs on the host, in the checkpoint and restore
 * commands.
 */

import { variable } from "../../../ffi/environment.ts";
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

/** The options that checkpoint and restore have in common, by runc's names. */
export interface CriuOptions {
  /** The program. Default: criu in PATH. */
  criu?: string;
  /** The directory of the files, absolute. */
  imagePath: string;
  /** The directory of the logs. Default: imagePath. */
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

/** How much of its output is read. */
const OUTPUT_SIZE = 64 * 1024;

/** Whether it succeeded, and its output. */
export interface CriuEnd {
  success: boolean;
  said: string;
}

/**
 * Runs CRIU to its end. The walker executes it, because the walker can pass
 * descriptors.
 *
 * @param steps the steps up to its execve, from plan/criu.ts
 * @param fds the descriptors that it inherits, by number
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

/** The default program, looked up in PATH. */
export const CRIU = "criu";

/** The PATH variable for the lookup. */
export const searchPath = () =>
  `PATH=${variable("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin"}`;

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
        hint: "Name a criu program with --criu FILE, or remove the flag.",
        cause: error,
      });
  }
}

/** The first error in the output, in CRIU's words. */
export function complaintIn(said: string): string {
  const lines = said.split("\n").filter(Boolean);
  // Skip messages that a helper has ended (the reason follows), and that an old
  // iptables was not found (CRIU tries that in addition to the present one).
  const line = lines.find((line) =>
    line.includes("Error") &&
    !/exited, status=|tables-legacy-save/.test(line)
  ) ?? lines.at(-1);
  return line?.replace(/^.*?Error \(([^)]*)\): /, "$1: ").trim() ??
    "unknown reason";
}

/**
 * Checks that CRIU is installed and works.
 *
 * @param what the operation, for example `checkpoint web`
 * @throws {ContainerError} if it is not installed, or does not work here
 */
export function requireCriu(what: string, criu = CRIU): void {
  const checked = check(what, criu);
  if (checked.success) return;
  throw new ContainerError(
    `Cannot ${what}: criu does not work on this kernel: ${
      complaintIn(checked.said)
    }`,
    {
      hint:
        "criu check shows the details; a newer criu may support this kernel.",
    },
  );
}

/** What the user can do about an error of CRIU; null if that is not known. */
function adviceOn(complaint: string): string | null {
  const file = /Can't lookup mount=\S+ for fd=(\d+) path=(\S+)/.exec(complaint);
  if (file) {
    return `Its descriptor ${file[1]} is the host file ${
      file[2]
    }. Create the container with /dev/null or pipes as its standard streams.`;
  }
  if (/Unable to open \S+\.img: Permission denied/.test(complaint)) {
    return "In a user namespace the container's root must be able to enter the directory. Change its owner to the host user that root maps to.";
  }
  if (/dump tmpfs content|restore tmpfs content/.test(complaint)) {
    return "criu needs GNU tar to save a tmpfs. Install it.";
  }
  return null;
}

/** The error for a failed run, from its log. */
export function criuFailed(what: string, log: string): ContainerError {
  let said = "";
  try {
    said = Deno.readTextFileSync(log);
  } catch {
    // CRIU ended before it wrote a log.
  }
  const complaint = complaintIn(said);
  const advice = adviceOn(complaint);
  return new ContainerError(`Cannot ${what}: criu: ${complaint}`, {
    hint: `${advice ? `${advice} ` : ""}See ${log}.`,
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
 * Creates a directory for CRIU's files if it is missing.
 *
 * @param owner the user who may enter it in addition to root; by default only
 * root
 * @throws {ContainerError} if it cannot be created
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
    // 0710 and not 0700: during a restore criu is for some time the host's root
    // without capabilities, and enters by the group.
    Deno.chmodSync(path, 0o710);
  } catch (cause) {
    throw new ContainerError(
      `Cannot ${what}: the directory ${path} cannot be created: ${
        systemReason(cause)
      }`,
      {
        hint:
          "Name another directory with --image-path DIR or --work-path DIR.",
        cause,
      },
    );
  }
}
