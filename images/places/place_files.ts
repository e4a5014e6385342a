/**
 * The files that make images a place: what is written for each format. The same
 * images give the same files. Pure.
 */

import { algorithmOf, hexOf } from "../spec/digest.ts";
import type { WrittenManifest } from "../spec/convert.ts";
import { INDEX } from "../spec/media_types.ts";
import { familiarName, fullName, type Reference } from "../spec/reference.ts";
import type { Descriptor } from "../spec/types.ts";
import { LAYOUT, NAME, WHOLE_NAME } from "../store/layout.ts";

/** A file to write: its bytes, or a blob of the store. */
export interface PlaceFile {
  path: string;
  content: Uint8Array | { digest: string; size: number };
}

/** An image to write. */
export interface WrittenImage extends WrittenManifest {
  /** Its names with tags. */
  names: readonly Reference[];
  /** The word for it in a layout, instead of its names. */
  word?: string;
}

const encoder = new TextEncoder();
const json = (value: unknown) => encoder.encode(JSON.stringify(value));

const blobPath = (digest: string) =>
  `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;

/** The blobs of images, each once. */
function blobsOf(images: readonly WrittenImage[]): PlaceFile[] {
  const files = new Map<string, PlaceFile>();
  const add = (digest: string, content: PlaceFile["content"]) => {
    const path = blobPath(digest);
    files.set(path, { path, content });
  };
  for (const { bytes, descriptor, manifest } of images) {
    for (const { digest, size } of [...manifest.layers, manifest.config]) {
      add(digest, { digest, size });
    }
    add(descriptor.digest, bytes);
  }
  return [...files.values()].sort(({ path: one }, { path: other }) =>
    one < other ? -1 : 1
  );
}

/** The entries of an index for an image, one for each of its names. */
export function indexEntries(
  { descriptor, names, word }: WrittenImage,
  annotate: (name: Reference) => Record<string, string>,
): Descriptor[] {
  const all = word !== undefined
    ? [{ [NAME]: word }]
    : names.length
    ? names.map(annotate)
    : [undefined];
  return all.map((annotations) => ({
    ...descriptor,
    ...annotations ? { annotations } : {},
  }));
}

/** How podman names an image in a layout. */
export const ociAnnotations = (name: Reference): Record<string, string> => ({
  [NAME]: fullName(name),
});

/** How docker does. */
const dockerAnnotations = (name: Reference) => ({
  [WHOLE_NAME]: fullName(name),
  [NAME]: name.tag ?? "",
});

/** The text of an index. */
export const indexJson = (manifests: readonly unknown[]): Uint8Array =>
  json({ schemaVersion: 2, mediaType: INDEX.oci, manifests });

/** An OCI image layout. The index is last, as it makes the others count. */
export const ociFiles = (
  images: readonly WrittenImage[],
  others: readonly unknown[] = [],
): PlaceFile[] => [
  { path: "oci-layout", content: encoder.encode(LAYOUT) },
  ...blobsOf(images),
  {
    path: "index.json",
    content: indexJson([
      ...others,
      ...images.flatMap((image) => indexEntries(image, ociAnnotations)),
    ]),
  },
];

/**
 * What `docker save` writes since version 25: a layout, and docker's own list
 * for programs that do not know layouts.
 */
export function dockerArchiveFiles(
  images: readonly WrittenImage[],
): PlaceFile[] {
  return [
    { path: "oci-layout", content: encoder.encode(LAYOUT) },
    {
      path: "index.json",
      content: indexJson(
        images.flatMap((image) => indexEntries(image, dockerAnnotations)),
      ),
    },
    {
      path: "manifest.json",
      content: json(images.map(({ names, manifest }) => ({
        Config: blobPath(manifest.config.digest),
        RepoTags: names.length ? names.map(familiarName) : null,
        Layers: manifest.layers.map(({ digest }) => blobPath(digest)),
      }))),
    },
    ...blobsOf(images),
  ];
}

/** A directory of skopeo's transport `dir:`. */
export const dirFiles = (
  { bytes, manifest }: WrittenImage,
): PlaceFile[] => [
  {
    path: "version",
    content: encoder.encode("Directory Transport Version: 1.1\n"),
  },
  ...[...manifest.layers, manifest.config].map(({ digest, size }) => ({
    path: hexOf(digest),
    content: { digest, size },
  })),
  { path: "manifest.json", content: bytes },
];
