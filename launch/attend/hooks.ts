/** Callbacks while a container runs. */

import type { Descriptor } from "../../ffi/fcntl.ts";
import type { View } from "../diagnose.ts";

/** What the parent does in addition to waiting. */
export interface ParentHooks {
  /** The first process exists and waits. */
  created?(pid: number): void;
  /** The root filesystem, to inspect if the command cannot be executed. */
  root: string | (() => Promise<View>);
  /** Receives the seccomp listener of a filter that learns. */
  listened?: (listener: Descriptor) => void;
  /** The command runs, or is about to. */
  started(pid: number): void;
  /** The root filesystem and its mounts are in place. */
  setUp?(): void;
  /** The command runs; not called for a terminal of the container. */
  running?: () => void;
}

/** Events of a running container. */
export interface Attending extends Pick<ParentHooks, "setUp" | "running"> {
  /** A signal arrived. It is forwarded while the container exists. */
  seen(signal: number): void;
}
