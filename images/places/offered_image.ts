/** What a place offers: images, with their names and where their parts are. */

import type { SentManifest } from "../registry/repository.ts";
import type { Descriptor } from "../spec/types.ts";

/** Something that images are fetched from: a repository, or files. */
export interface ImageSource {
  /** Its name, for messages. */
  readonly name: string;
  /** A manifest or an index by its digest. */
  manifest(digest: string): Promise<SentManifest>;
  /** The content of a blob. The caller verifies it. */
  blob(blob: Descriptor): AsyncGenerator<Uint8Array>;
}

/** An image of a place. */
export interface OfferedImage {
  source: ImageSource;
  /** The full names that the place gives it. */
  names: readonly string[];
  /**
   * Its manifest, or its index. Several are the same image for several
   * platforms.
   */
  manifests: readonly Descriptor[];
}
