/** What unpacking a layer is told, and what it tells. */

import type { ByteString } from "../tar/byte_string.ts";

/** How a layer is unpacked. */
export interface UnpackOptions {
  /** The directory to make; it must not be there. */
  into: string;
  /** Of the blob, for messages: what it is shows in its first bytes. */
  mediaType?: string;
  /** The most bytes that the layer may have without its compression. */
  maxUnpacked: number;
  /**
   * "kept" gives each file the owner that the archive names. "own" leaves all to
   * this process's user, for a user namespace with one ID.
   */
  owners?: "kept" | "own";
  /**
   * "made", or "placeholders": empty files that commit writes back as devices,
   * for a user namespace, where no device can be made.
   */
  devices?: "made" | "placeholders";
  /** Ends the work; what was made is removed. */
  signal?: AbortSignal;
  /** Is given the bytes of the archive, without their compression. */
  onContent?(bytes: Uint8Array): void;
  /** Is told how many bytes of the blob have been read. */
  onRead?(bytes: number): void;
}

/** A hard link whose target is in a layer below. */
export interface LateLink {
  path: ByteString;
  target: ByteString;
}

/**
 * What can be done only after the layers below are complete, see finishLayer().
 * Plain data.
 */
export interface Unfinished {
  /** Directories that no entry describes; "" is the root of the layer. */
  implied: ByteString[];
  links: LateLink[];
  /** Directories with deletions, which may delete nothing. */
  deletions: ByteString[];
}

/** What could not be kept. */
export interface Lost {
  /** Devices that became placeholders. */
  devices: number;
  /** Files whose owner is another one. */
  owners: number;
  /** Extended attributes that the kernel refused. */
  attributes: number;
}

/** A layer that has been unpacked. */
export interface Unpacked {
  /** The digest of the layer without its compression: `sha256:…`. */
  diffId: string;
  /** The bytes of all files, which `images` shows. */
  size: number;
  /** The bytes of the archive without its compression. */
  archiveSize: number;
  /** The number of files, directories, links and deletions. */
  entries: number;
  /**
   * The layer hides everything below it. An overlay does not see that on the
   * root of a layer, so the layers below must be left out of the mount.
   */
  hidesAll: boolean;
  unfinished: Unfinished;
  lost: Lost;
}
