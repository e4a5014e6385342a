/**
 * The first process of a container, held by descriptors: what is read of it and
 * entered through them is of that process and no other, even when its number is
 * used again meanwhile. Runs on the host and changes nothing.
 */

import { Descriptor, moveUp, O, open } from "../../ffi/fcntl.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { syscall } from "../../ffi/libc.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { NamespaceType } from "../../spec/types.ts";
import type { ContainerRecord } from "../store/store.ts";

/** The names of namespaces(7) below /proc/PID/ns. */
const FILE: Record<NamespaceType, string> = {
  user: "user",
  pid: "pid",
  network: "net",
  mount: "mnt",
  ipc: "ipc",
  uts: "uts",
  cgroup: "cgroup",
  time: "time",
};

/** A container whose first process has ended, in runc's words. */
export const stopped = (id: string) =>
  new ContainerError(`cannot exec in a stopped container: ${id}`, {
    hint: "Its first process has ended, and its namespaces with it.",
  });

/** Disposing of it closes the descriptors. */
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
   * Opens it.
   *
   * @throws ContainerError where it has ended, or may not be looked into
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
      // The directory is the first process's if the start is. As it was there
      // to be read after the other was opened, they are of one process.
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

  /** A file below its /proc/PID, proc(5). */
  path(name: string): string {
    return `${pathOf(this.#directory)}/${name}`;
  }

  /**
   * Those of its namespaces that are not ours: the others need not be entered,
   * and the user namespace that one is in cannot be.
   */
  namespaces(): NamespaceType[] {
    const types = Object.keys(FILE) as NamespaceType[];
    return types.filter((type) => {
      const name = `ns/${FILE[type]}`;
      return readLink(this.path(name)) !== readLink(`/proc/self/${name}`);
    });
  }

  /** Whether it is there; one that is dead and not reaped is not. */
  isAlive(): boolean {
    try {
      const stat = Deno.readTextFileSync(this.path("stat"));
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

/** When it started, in ticks since boot, proc_pid_stat(5). */
function startOf(directory: Descriptor): string | undefined {
  const stat = Deno.readTextFileSync(`${pathOf(directory)}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

/** Null where the kernel has no such namespaces. */
function readLink(path: string): string | null {
  try {
    return Deno.readLinkSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

const GONE = /^(ENOENT|ESRCH)$|os error (2|3)\)/;
const CLOSED = /^(EACCES|EPERM)$|os error (1|13)\)/;

/** What a process that has ended, or is not ours to look into, answers. */
export function explained(id: string, error: unknown): unknown {
  if (error instanceof ContainerError) return error;
  if (!(error instanceof Error)) return error;
  const reason = error instanceof SyscallError ? error.code : error.message;
  if (GONE.test(reason)) return stopped(id);
  if (!CLOSED.test(reason)) return error;
  return new ContainerError(
    `cannot exec in ${id}: its first process is closed to us: permission denied`,
    { hint: "Be the user who created it, or root (sudo).", cause: error },
  );
}
