/**
 * Starts the walker. Runs in the parent on the host, and again in the child
 * (PID 1 of the container) to start the user's command. All calls are
 * synchronous, on the main thread.
 */

import {
  type Descriptor,
  duplicateUp,
  memoryFile,
  moveUp,
  O,
  open,
  readAt,
} from "../ffi/fcntl.ts";
import { fromBase64 } from "../ffi/base64.ts";
import { SyscallError } from "../ffi/errno.ts";
import { syscall } from "../ffi/libc.ts";
import { spawn } from "../ffi/spawn.ts";
import { wait } from "../ffi/wait.ts";
import type { Step } from "../plan/step.ts";
import { ContainerError } from "../spec/errors.ts";
import { DESCRIPTOR, WALKER_NAME } from "./lower/descriptors.ts";
import { HEADER_SIZE } from "./bytecode/layout.ts";
import { type Outcome, readOutcome, stepError } from "./outcome.ts";
import type { Program } from "./program.ts";
import { WALKER } from "./native/walker_code.ts";

const STATFS_SIZE = 120;
const PROC_SUPER_MAGIC = 0x9fa0;

let executable: Descriptor | undefined;

/**
 * Returns the walker's executable; opens it once per process. Call this before
 * the root changes: the fallback writes to a directory of the host.
 */
export function openWalker(): Descriptor {
  return executable ??= moveUp(
    executableFile("walker", WALKER[Deno.build.arch].code),
  );
}

/** Turns base64 machine code into an executable file that nobody can change. */
export function executableFile(name: string, base64: string): Descriptor {
  const code = fromBase64(base64);
  try {
    return memoryFile(name, code, { sealed: true, executable: true });
  } catch (error) {
    // vm.memfd_noexec=2 forbids executable memory files.
    if (!(error instanceof SyscallError) || error.code !== "EACCES") {
      throw error;
    }
    return executableOnDisk(code);
  }
}

/**
 * Writes the code to a temporary file and removes its name: only this process
 * can open it.
 */
function executableOnDisk(code: Uint8Array): Descriptor {
  for (const dir of ["/run", "/dev/shm", "/tmp", "/var/tmp"]) {
    try {
      const path = Deno.makeTempFileSync({ dir, prefix: "container-walker-" });
      try {
        Deno.writeFileSync(path, code);
        Deno.chmodSync(path, 0o500);
        const file = open(path, O.O_RDONLY);
        const pid = spawn(`/proc/self/fd/${file.fd}`, ["walker"], {});
        wait(pid);
        return file;
      } finally {
        Deno.removeSync(path);
      }
    } catch (error) {
      const known = error instanceof SyscallError ||
        error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.PermissionDenied ||
        error instanceof Deno.errors.NotCapable;
      if (!known) throw error;
    }
  }
  throw new ContainerError(
    "Cannot create the walker's file: no directory allows executable files",
    {
      hint: "Set vm.memfd_noexec to 1, or mount /run or /tmp without noexec.",
    },
  );
}

/** A walker that has been started. */
export class Walk implements Disposable {
  constructor(
    /** The process that posix_spawn(3) made. */
    readonly pid: number,
    readonly program: () => Program,
    readonly memory: Descriptor,
    /** The steps that the program was compiled from, to explain a failure. */
    readonly steps: () => readonly Step[],
  ) {}

  /**
   * Reads how far the program got. The answer is final once the process has
   * ended.
   */
  outcome(): Outcome {
    const header = new Uint8Array(HEADER_SIZE);
    readAt(this.memory.fd, header, 0);
    return readOutcome(this.program(), header);
  }

  /** Throws the error of the failed step, if a step failed. */
  check(): void {
    const { failure } = this.outcome();
    if (failure) throw stepError(this.steps(), this.program(), failure);
  }

  [Symbol.dispose](): void {
    this.memory.close();
  }
}

/** How to start a walker. */
export interface WalkOptions {
  /** Maps a descriptor number in the walker to a descriptor of this process. */
  fds?: Partial<Record<number, Descriptor>>;
  /**
   * A verified /proc (see {@linkcode openProc}), for callers whose path /proc
   * could lead to something else. The walker starts with it as working
   * directory.
   */
  proc?: Descriptor;
  /**
   * The walker executes itself again later and then needs the program again.
   */
  again?: boolean;
  /**
   * An executable to start instead of the walker; it starts the walker itself.
   */
  by?: { executable: Descriptor; argv: string[] };
}

/**
 * Opens /proc and checks that it is a proc file system. In a shared root
 * filesystem, somebody could replace /proc with another directory that has
 * their own program at self/fd/44. That program would then start with all of
 * our rights.
 *
 * @throws ContainerError if /proc is not a proc file system
 */
export function openProc(): Descriptor {
  const proc = open("/proc", O.O_PATH | O.O_DIRECTORY | O.O_NOFOLLOW);
  const found = new Uint8Array(STATFS_SIZE);
  syscall("fstatfs", proc.fd, found);
  if (new DataView(found.buffer).getUint32(0, true) === PROC_SUPER_MAGIC) {
    return moveUp(proc);
  }
  proc.close();
  throw new ContainerError(
    "Cannot use /proc: another file or mount is in its place",
    {
      hint: "Perhaps another container is changing the root filesystem.",
    },
  );
}

const aboveAll = (fds: NonNullable<WalkOptions["fds"]>) =>
  1 + Math.max(DESCRIPTOR.walk, ...Object.keys(fds).map(Number));

/** Starts a walker that carries out a program compiled from these steps. */
export function walk(
  program: Program,
  steps: () => readonly Step[],
  { fds = {}, proc, again = false, by }: WalkOptions = {},
): Walk {
  // spawn() assigns the numbers one after the other, so no source descriptor
  // may have a number that it assigns.
  const least = aboveAll(fds);
  using copies = new DisposableStack();
  const above = (descriptor: Descriptor) =>
    descriptor.fd >= least
      ? descriptor.fd
      : copies.use(duplicateUp(descriptor.fd, least)).fd;
  const memory = moveUp(memoryFile("plan", program.bytes), least);
  const handed: Record<number, number> = { [DESCRIPTOR.walk]: memory.fd };
  if (again) handed[DESCRIPTOR.again] = memory.fd;
  for (const [there, here] of Object.entries(fds)) {
    handed[Number(there)] = above(here!);
  }
  try {
    const pid = spawn(
      `${proc ? "" : "/proc/"}self/fd/${above(by?.executable ?? openWalker())}`,
      by?.argv ?? [WALKER_NAME, String(DESCRIPTOR.walk)],
      handed,
      proc,
    );
    return new Walk(pid, () => program, memory, steps);
  } catch (error) {
    memory.close();
    throw error;
  }
}

/**
 * Waits for a walker whose program contains a clone and ends after it; returns
 * the pid of the process that it cloned.
 *
 * @throws the error of the step that failed
 */
export function clonedPid(walking: Walk): number {
  const status = wait(walking.pid);
  // The new process writes to the same header. A failure recorded there does
  // not mean that the clone failed.
  if (!status || !("exited" in status) || status.exited !== 0) {
    walking.check();
    throw new ContainerError(
      "Cannot start the container: its first process was killed",
      { hint: "Check with dmesg whether the machine is out of memory." },
    );
  }
  return walking.outcome().slot("pid");
}
