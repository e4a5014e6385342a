/** What is called while a container runs. */

import type { Descriptor } from "../../ffi/fcntl.ts";
import type { SignalName } from "../../ffi/signal.ts";

/** What the parent does beside waiting. */
export interface ParentHooks {
  /** On the host, while PID 1 waits: ids, limits. */
  prepare(pid: number): void;
  /** The root filesystem, to look into when the command cannot be executed. */
  root: string;
  /** What hears of every system call, where the filter learns. */
  listened?: (listener: Descriptor) => void;
  /** The command runs, or is about to. */
  started(pid: number): void;
  /** The root filesystem and what is mounted on it are in their places. */
  setUp?(): void;
}

/** What is told of while a container runs. */
export interface Attending extends Pick<ParentHooks, "setUp"> {
  /** A signal came; it is passed on for as long as the container is there. */
  seen(name: SignalName): void;
}
