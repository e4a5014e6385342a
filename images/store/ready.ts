/**
 * What `run` needs of an image whose layers are unpacked, in one small file for
 * each image: `ready/DIGEST.json`. Everything in it follows from blobs and
 * layers, whose content never changes. So the file saves time only, and can be
 * removed.
 */

import type { LayeredFile } from "../layers/layered_file.ts";
import { hexOf, isDigest } from "../spec/digest.ts";
import type { ContainerConfig } from "../spec/image_config.ts";
import type { Platform } from "../spec/types.ts";
import { namesIn, textOrNull } from "./places.ts";

/** What `run` needs of an image. */
export interface ReadyImage {
  /** The digest of its configuration. */
  id: string;
  platform: Platform;
  /** The digests of its compressed layers. */
  blobs: string[];
  /** The chain IDs of its layers. */
  chains: string[];
  config: ContainerConfig;
  /** The chain IDs of the lower directories of an overlay, the top first. */
  lower: string[];
  /** The files on which decisions depend. */
  files: Readonly<Record<string, LayeredFile | null>>;
}

/** The files of an image that decisions depend on. */
export const EXAMINED: readonly string[] = [
  "/etc/passwd",
  "/etc/group",
  "/etc/hostname",
  "/etc/hosts",
  "/etc/resolv.conf",
];

/** The program that writes the file: another version may need more. */
export const FORMAT = 1;

/** The file of an image, by the digest of its manifest. */
export const readyFile = (store: string, digest: string): string =>
  `${store}/ready/${hexOf(digest)}.json`;

/** The digests of all manifests that have such a file. */
export const readyDigests = (store: string): string[] =>
  namesIn(`${store}/ready`)
    .map((name) => `sha256:${name.replace(/\.json$/, "")}`)
    .filter(isDigest);

/** What is known of an image; null if it has never run. */
export function readReady(store: string, digest: string): ReadyImage | null {
  const text = textOrNull(readyFile(store, digest));
  try {
    const { format, image } = JSON.parse(text ?? "{}");
    return format === FORMAT ? image as ReadyImage : null;
  } catch (error) {
    // A power cut can leave an empty file.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
