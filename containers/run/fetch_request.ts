/**
 * What a user's program and the process that fetches images for it say to each
 * other: one request on standard input, and lines of JSON on standard output.
 * Only types.
 */

import type { PullOptions } from "../../images/library.ts";
import type { Progress } from "../../images/progress.ts";

/** What the process is to do. */
export interface FetchRequest {
  /** The directory of the store. */
  store: string;
  /** The name of the image. */
  name: string;
  /** The digest of an image of the store, of which only the layers are unpacked. */
  unpack?: string;
  options: Pick<
    PullOptions,
    "platform" | "authFile" | "credentials" | "certificates" | "maxUnpacked"
  >;
}

/** What it says. */
export type FetchLine =
  | { progress: Progress }
  /** The digest of the image's manifest; the last line. */
  | { digest: string }
  | {
    error: {
      name: string;
      message: string;
      hint?: string;
      code?: number;
    };
  };
