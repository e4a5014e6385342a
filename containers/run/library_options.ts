/** The options of the library's `run`. Pure. */

import type { ContainerOptions } from "../decide/options.ts";
import type { Stdio } from "../decide/streams.ts";

/** {@linkcode ContainerOptions} for a program, and its streams. */
export interface LibraryOptions
  extends Omit<ContainerOptions, "tty" | "init" | "announce"> {
  /** Default: `"null"`. */
  stdin?: Stdio;
  /** Default: `"inherit"`. */
  stdout?: Stdio;
  /** Default: `"inherit"`. */
  stderr?: Stdio;
  /** Aborting it kills the container; see `AbortSignal.timeout()`. */
  signal?: AbortSignal;
}

/** What the streams of the command are connected to. */
export const streamsOf = (
  { stdin = "null", stdout, stderr }: LibraryOptions,
): (Stdio | undefined)[] => [stdin, stdout, stderr];
