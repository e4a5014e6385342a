/**
 * The image of a directory of skopeo's transport `dir:`: a manifest, and each
 * blob in a file of its digest. `podman save --format docker-dir` writes it.
 */

import { algorithmOf, digestOf, hexOf } from "../spec/digest.ts";
import { INDEX, MANIFEST } from "../spec/media_types.ts";
import { LARGEST_MANIFEST, parseDocument } from "../spec/types.ts";
import { type FileSet, lacks, readNeeded, unusable } from "./file_set.ts";
import type { OfferedImage } from "./offered_image.ts";

const OWN = "manifest.json";

/**
 * The image of a directory.
 *
 * @throws {ContainerError} if it is none
 */
export async function dirImages(files: FileSet): Promise<OfferedImage[]> {
  const bytes = await readNeeded(files, OWN, LARGEST_MANIFEST);
  const document = parseDocument(files.place, bytes);
  const digest = digestOf(bytes);
  const mediaType = document.kind === "index"
    ? document.index.mediaType ?? INDEX.oci
    : document.manifest.mediaType ?? MANIFEST.oci;
  return [{
    names: [],
    manifests: [{ mediaType, digest, size: bytes.length }],
    source: {
      name: files.place,
      async manifest(wanted) {
        if (wanted === digest) return { bytes, digest };
        const path = `${hexOf(wanted)}.manifest.json`;
        const other = await readNeeded(files, path, LARGEST_MANIFEST);
        const found = digestOf(other, algorithmOf(wanted));
        if (found === wanted) return { bytes: other, digest: wanted };
        throw unusable(files.place, `${path} has another content, ${found}`);
      },
      async *blob({ digest: wanted }) {
        // Version 1.0 of the format has an ending.
        const names = [hexOf(wanted), `${hexOf(wanted)}.tar`];
        const name = names.find((name) => files.sizeOf(name) !== null);
        if (name === undefined) throw lacks(files, names[0]!);
        yield* files.stream(name);
      },
    },
  }];
}
