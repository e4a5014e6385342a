/** The options of the library's `run`. Pure. */

import type { Progress } from "../../images/progress.ts";
import type { ContainerOptions } from "../decide/options.ts";
import type { Stdio } from "../decide/streams.ts";

/** {@linkcode ContainerOptions} for a program, and its streams. */
export interface LibraryOptions extends
  Omit<
    ContainerOptions,
    | "tty"
    | "init"
    | "announce"
    | "command"
    | "networks"
    | "ports"
    | "wayOut"
    | "sharedNetwork"
    | "images"
  > {
  /**
   * The command and its arguments. With `image`, they are the words after its
   * entrypoint, and the default is the image's.
   */
  command?: string[];
  /**
   * An image as the root filesystem, such as `"alpine:3.20"`. It is fetched if
   * it is not here. Its configuration is what the options begin with; options
   * win. The container's changes are its own and end with it.
   */
  image?: string;
  /** Words instead of the image's entrypoint and command; `[]` for none. */
  entrypoint?: string[];
  /**
   * When the image is fetched: if it is missing (default), always, never, or
   * always if its registry answers.
   */
  pull?: "missing" | "always" | "newer" | "never";
  /** The platform of the image, such as `"linux/arm64"`. */
  platform?: string;
  /** The directory of the images. Default: that of the command line. */
  store?: string;
  /** Is told how far the layers are if the image is fetched. */
  onProgress?: (progress: Progress) => void;
  /** Default: `"null"`. */
  stdin?: Stdio;
  /** Default: `"inherit"`. */
  stdout?: Stdio;
  /** Default: `"inherit"`. */
  stderr?: Stdio;
  /** Aborting it kills the container; see `AbortSignal.timeout()`. */
  signal?: AbortSignal;
}

/** The options of a container that has no image: they name its command. */
export const withCommand = (
  { command = [], ...options }: LibraryOptions,
): ContainerOptions => ({ ...options, command, init: false, tty: false });

/** Whether a container needs the store of images. */
export const needsStore = ({ image, mounts = [] }: LibraryOptions): boolean =>
  image !== undefined ||
  mounts.some(({ type }) => type === "image" || type === "volume");

/** What the streams of the command are connected to. */
export const streamsOf = (
  { stdin = "null", stdout, stderr }: LibraryOptions,
): (Stdio | undefined)[] => [stdin, stdout, stderr];
