/** What a program can ask of a container. */

import type { ContainerOptions } from "../decide/options.ts";
import type { Stdio } from "../decide/streams.ts";

/** {@linkcode ContainerOptions} for a program, with its streams. */
export interface LibraryOptions extends Omit<ContainerOptions, "tty" | "init"> {
  /** `"null"` without it. */
  stdin?: Stdio;
  /** `"inherit"` without it. */
  stdout?: Stdio;
  /** `"inherit"` without it. */
  stderr?: Stdio;
  /** Once aborted, the container is killed; see `AbortSignal.timeout()`. */
  signal?: AbortSignal;
}
