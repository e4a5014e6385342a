/**
 * The first process of a container, held by descriptors. Whatever is read or
 * joined through them belongs to that process, even if its pid is reused. Runs
 * on the host, in the exec command; changes nothing.
 */

import { Descriptor, moveUp, O, open } from "../../ffi/fcntl.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { syscall } from "../../ffi/libc.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { ContainerRecord } from "../store/store.ts";

/** The error after a container's first process has ended, in runc's words. */
export const stopped = (id: string) =>
  new ContainerError(`cannot exec in a stopped container: ${id}`, {
    hint: "Its first process and its namespaces have ended.",
  });

/** Descriptors of a first process. Disposing of it closes them. */
export class FirstProcess implements Disposable {
  readonly #directory: Descriptor;

  private constructor(
    readonly pid: number,
    directory: Descriptor,
    /** For setns(2), pidfd_open(2). */
    readonly pidfd: Descriptor,
    /** Its root directory. */
    readonly root: Descriptor,
  ) {
    this.#directory = directory;
  }

  /**
   * Opens a container's first process.
   *
   * @throws {ContainerError} if it has ended, or this user may not inspect it
   */
  static open({ id, pid, startTime }: ContainerRecord): FirstProcess {
    using held = new DisposableStack();
    try {
      const directory = held.use(
        moveUp(open(`/proc/${pid}`, O.O_PATH | O.O_DIRECTORY)),
      );
      const pidfd = held.use(
        moveUp(new Descriptor(syscall("pidfd_open", pid, 0))),
      );
      // The start time proves that the directory is the first process's. It
      // could still be read after the pidfd was opened, so both are of one
      // process.
      if (startOf(directory) !== startTime) throw stopped(id);
      const root = held.use(
        moveUp(open(`${pathOf(directory)}/root`, O.O_PATH | O.O_DIRECTORY)),
      );
      held.move();
      return new FirstProcess(pid, directory, pidfd, root);
    } catch (error) {
      throw explained(id, error);
    }
  }

  /**
   * Its /proc/PID directory, proc(5), by a path that never leads to another
   * process.
   */
  get place(): string {
    return pathOf(this.#directory);
  }

  /** Whether it is alive. A zombie is not. */
  isAlive(): boolean {
    try {
      const stat = Deno.readTextFileSync(`${this.place}/stat`);
      return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
    } catch {
      return false;
    }
  }

  [Symbol.dispose](): void {
    this.pidfd.close();
    this.#directory.close();
    this.root.close();
  }
}

const pathOf = ({ fd }: Descriptor) => `/proc/self/fd/${fd}`;

/** The start time of a process, in ticks since boot, proc_pid_stat(5). */
function startOf(directory: Descriptor): string | undefined {
  const stat = Deno.readTextFileSync(`${pathOf(directory)}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

const GONE = /^(ENOENT|ESRCH)$|os error (2|3)\)/;
const CLOSED = /^(EACCES|EPERM)$|os error (1|13)\)/;

/**
 * Explains errors of a process that has ended, or that this user may not
 * inspect.
 */
export function explained(id: string, error: unknown): unknown {
  if (error instanceof ContainerError) return error;
  if (!(error instanceof Error)) return error;
  const reason = error instanceof SyscallError ? error.code : error.message;
  if (GONE.test(reason)) return stopped(id);
  if (!CLOSED.test(reason)) return error;
  return new ContainerError(
    `cannot exec in ${id}: its first process is not accessible: permission denied`,
    {
      hint: "Run as the user who created it, or as root (sudo).",
      cause: error,
    },
  );
}
