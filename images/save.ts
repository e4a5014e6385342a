/**
 * Writes images of the store for other programs: into archives, directories, or
 * the docker daemon. Runs in the command's process.
 */

import { ContainerError, UsageError } from "../spec/errors.ts";
import {
  dirFiles,
  dockerArchiveFiles,
  ociFiles,
  type PlaceFile,
  type WrittenImage,
} from "./places/place_files.ts";
import {
  namesOf,
  replaceWith,
  type Sink,
  writeArchive,
  writeDirectory,
} from "./places/write_place.ts";
import { inFormat, type ManifestFormat } from "./spec/convert.ts";
import {
  asReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from "./spec/reference.ts";
import type { LocalPlace } from "./spec/transport.ts";
import { LARGEST_MANIFEST, parseDocument } from "./spec/types.ts";
import { Untrusted } from "./spec/untrusted.ts";
import { hasBlob, readBlob } from "./store/blobs.ts";
import { NAME } from "./store/layout.ts";
import type { ImageStore, StoredImage } from "./store/store.ts";

/** The formats of `save`, by podman's names. */
export const SAVE_FORMATS = [
  "docker-archive",
  "oci-archive",
  "oci-dir",
  "docker-dir",
] as const;

/** A format of `save`. */
export type SaveFormat = typeof SAVE_FORMATS[number];

/** Whether a format is a directory. */
export const isDirectoryFormat = (format: SaveFormat): boolean =>
  format.endsWith("-dir");

/** An image to save, and the names that it has there. */
export interface SavedImage {
  image: StoredImage;
  names: readonly Reference[];
}

/** What saving needs. */
export interface SaveOptions {
  store: ImageStore;
  signal?: AbortSignal;
}

/**
 * The image with its manifest in a format; without one, as it is.
 *
 * @throws {ContainerError} if the store lacks a part of it
 */
export function manifestOf(
  { path }: ImageStore,
  { digest, entry, name, id }: StoredImage,
  action: string,
  format?: ManifestFormat,
): Omit<WrittenImage, "names"> {
  const shown = name ?? id;
  const bytes = readBlob(path, digest);
  const document = parseDocument(shown, bytes, entry.mediaType);
  if (document.kind === "index") {
    throw new ContainerError(`${action}: it is a list of images`, {
      hint: "Copy it with skopeo copy --all.",
    });
  }
  const { manifest } = document;
  for (const { digest, size } of [...manifest.layers, manifest.config]) {
    if (hasBlob(path, digest, size)) continue;
    throw new ContainerError(
      `${action}: the store lacks its blob ${digest}`,
      { hint: "Pull the image again." },
    );
  }
  return inFormat(shown, { manifest, bytes }, format);
}

/** The images with their manifests, each once with all its names. */
function written(
  saved: readonly SavedImage[],
  store: ImageStore,
  format?: ManifestFormat,
): WrittenImage[] {
  const images = new Map<string, WrittenImage & { names: Reference[] }>();
  for (const { image, names } of saved) {
    const known = images.get(image.digest);
    if (known) {
      const isNew = (name: Reference) =>
        !known.names.some((one) =>
          JSON.stringify(one) === JSON.stringify(name)
        );
      known.names.push(...names.filter(isNew));
      continue;
    }
    const action = `Cannot save ${image.name ?? image.id}`;
    images.set(image.digest, {
      ...manifestOf(store, image, action, format),
      names: [...names],
    });
  }
  return [...images.values()];
}

function filesFor(
  format: SaveFormat,
  saved: readonly SavedImage[],
  store: ImageStore,
): PlaceFile[] {
  switch (format) {
    case "docker-archive":
      return dockerArchiveFiles(written(saved, store));
    case "oci-archive":
    case "oci-dir":
      return ociFiles(written(saved, store, "oci"));
    case "docker-dir": {
      const [image, ...more] = written(saved, store, "v2s2");
      if (!more.length) return dirFiles(image!);
      throw new UsageError(
        "Cannot save several images as docker-dir: it holds one",
        "Use --format oci-dir, or a directory for each image.",
      );
    }
  }
}

/**
 * Writes images to a stream as an archive.
 *
 * @throws {ContainerError}
 */
export const saveTo = async (
  take: Sink,
  format: SaveFormat,
  saved: readonly SavedImage[],
  { store, signal }: SaveOptions,
): Promise<void> =>
  await writeArchive(filesFor(format, saved, store), take, {
    store: store.path,
    ...signal ? { signal } : {},
  });

/**
 * Writes images to a file or a directory.
 *
 * @throws {ContainerError}
 */
export async function saveAt(
  path: string,
  format: SaveFormat,
  saved: readonly SavedImage[],
  { store, signal }: SaveOptions,
): Promise<void> {
  const files = filesFor(format, saved, store);
  const options = { store: store.path, ...signal ? { signal } : {} };
  if (!isDirectoryFormat(format)) {
    await replaceWith(path, (take) => writeArchive(files, take, options));
    return;
  }
  refuseFull(path);
  await writeDirectory(files, path, options);
}

function refuseFull(directory: string): void {
  if (!namesOf(directory).length) return;
  throw new ContainerError(
    `Cannot write ${directory}: the directory has files`,
    { hint: "Name a new or empty directory." },
  );
}

/** How an image is put into a place. */
export interface PlaceOptions extends SaveOptions {
  /** The format of the manifest, if the place can hold several. */
  format?: ManifestFormat;
}

/**
 * Puts an image into a place of this machine.
 *
 * @returns the digest of its manifest
 * @throws {ContainerError}
 */
export async function pushToPlace(
  image: StoredImage,
  place: LocalPlace,
  { store, signal, format }: PlaceOptions,
): Promise<string> {
  const { transport, path, image: word } = place;
  const shown = `${transport}:${path}`;
  const options = { store: store.path, ...signal ? { signal } : {} };
  const isLayout = transport.startsWith("oci");
  const one: WrittenImage = {
    ...manifestOf(
      store,
      image,
      `Cannot push ${image.name ?? image.id} to ${shown}`,
      isLayout ? "oci" : format,
    ),
    names: transport === "docker-daemon"
      ? [withDefaultTag(parseReference(path))]
      : transport === "docker-archive"
      ? namesFor(image, word)
      : [],
    ...isLayout && word !== undefined ? { word } : {},
  };
  switch (transport) {
    case "oci":
      await writeDirectory(
        ociFiles([one], othersIn(path, word)),
        path,
        options,
      );
      break;
    case "dir":
      refuseFull(path);
      await writeDirectory(dirFiles(one), path, options);
      break;
    case "oci-archive":
      await replaceWith(
        path,
        (take) => writeArchive(ociFiles([one]), take, options),
      );
      break;
    case "docker-archive":
      refuseWritten(path);
      await replaceWith(
        path,
        (take) => writeArchive(dockerArchiveFiles([one]), take, options),
      );
      break;
    case "docker-daemon": {
      const { loadIntoDocker } = await import("./places/docker_daemon.ts");
      await loadIntoDocker(
        (take) => writeArchive(dockerArchiveFiles([one]), take, options),
        signal,
      );
    }
  }
  return one.descriptor.digest;
}

function namesFor({ name }: StoredImage, word?: string): Reference[] {
  if (word !== undefined) return [withDefaultTag(parseReference(word))];
  const own = asReference(name ?? "");
  return own?.tag === undefined ? [] : [own];
}

function refuseWritten(path: string): void {
  try {
    const { isFile, size } = Deno.statSync(path);
    if (!isFile || !size) return;
  } catch {
    return;
  }
  throw new ContainerError(
    `Cannot write docker-archive:${path}: the file has images already`,
    { hint: "Remove it, or write several with container save." },
  );
}

/** The other entries of a layout, which stay. */
function othersIn(directory: string, word: string | undefined): unknown[] {
  const names = namesOf(directory);
  if (!names.length) return [];
  if (!names.includes("index.json") || !names.includes("oci-layout")) {
    throw new ContainerError(
      `Cannot write oci:${directory}: the directory has other files`,
      { hint: "Name a new or empty directory, or a layout." },
    );
  }
  const path = `${directory}/index.json`;
  const { size } = Deno.statSync(path);
  if (size > LARGEST_MANIFEST) {
    throw new ContainerError(`Cannot use ${path}: it is larger than 4 MiB`);
  }
  return Untrusted.parse(path, Deno.readFileSync(path)).at("manifests").items()
    .filter((entry) => {
      const name = entry.at("annotations").optional((at) => at.texts())?.[NAME];
      return name !== word;
    })
    .map(({ value }) => value);
}
