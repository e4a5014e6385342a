/**
 * Opens places with images: files and directories in the formats that docker,
 * podman, buildkit and skopeo write. Runs in the command's process.
 */

import { ContainerError, systemReason, UsageError } from "../../spec/errors.ts";
import { asReference, familiarName } from "../spec/reference.ts";
import type { LocalPlace, LocalTransport } from "../spec/transport.ts";
import { LARGEST_MANIFEST } from "../spec/types.ts";
import { openArchive, type Spool, spooled } from "./archive_files.ts";
import { dirImages } from "./dir_source.ts";
import { dockerImages } from "./docker_source.ts";
import {
  DirectoryFiles,
  type FileSet,
  readSmall,
  unusable,
} from "./file_set.ts";
import { ociImages, underName } from "./oci_source.ts";
import type { OfferedImage } from "./offered_image.ts";

/** The images of a place, and what kind of place it is. */
export interface OpenedPlace {
  transport: LocalTransport;
  images: OfferedImage[];
}

/**
 * Finds out which format files have.
 *
 * @throws {ContainerError} if it is none of images
 */
async function imagesIn(
  files: FileSet,
  kind: "archive" | "directory",
): Promise<OpenedPlace> {
  const isArchive = kind === "archive";
  const hasIndex = files.sizeOf("index.json") !== null;
  const list = await readSmall(files, "manifest.json", LARGEST_MANIFEST);
  const isList = list !== null && /^\s*\[/.test(
    new TextDecoder().decode(list.subarray(0, 64)),
  );
  if (hasIndex) {
    // Docker writes both, and the index has the manifests as they are.
    const transport = !isArchive
      ? "oci"
      : isList
      ? "docker-archive"
      : "oci-archive";
    return { transport, images: await ociImages(files) };
  }
  if (isList) {
    return { transport: "docker-archive", images: await dockerImages(files) };
  }
  if (list) return { transport: "dir", images: await dirImages(files) };
  throw unusable(
    files.place,
    "it has neither index.json nor manifest.json",
    "Write it with docker save, podman save or skopeo; root filesystems are read by --rootfs.",
  );
}

/** Opens the archive in a stream. */
export const openStream = async (
  place: string,
  source: AsyncIterable<Uint8Array>,
  spool: Spool,
): Promise<OpenedPlace> =>
  imagesIn(await spooled(place, source, spool), "archive");

/** Opens an archive or a directory, whatever its format is. */
export async function openPath(
  place: string,
  path: string,
  spool: Spool,
): Promise<OpenedPlace> {
  return isDirectory(place, path)
    ? await imagesIn(new DirectoryFiles(place, path), "directory")
    : await imagesIn(await openArchive(place, path, spool), "archive");
}

/**
 * Whether a path is a directory.
 *
 * @throws {ContainerError} if there is nothing
 */
export function isDirectory(place: string, path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    throw unusable(place, systemReason(error), "Check the path.");
  }
}

/** Which formats each transport reads. */
const FORMATS: Readonly<Record<LocalTransport, readonly LocalTransport[]>> = {
  "oci": ["oci"],
  "oci-archive": ["oci-archive", "docker-archive"],
  "docker-archive": ["docker-archive"],
  "dir": ["dir"],
  "docker-daemon": ["docker-archive"],
};

/**
 * The image that a word of the user names in a place.
 *
 * @throws {ContainerError}
 */
export async function imageAt(
  place: LocalPlace,
  spool: Spool,
): Promise<OfferedImage> {
  const { transport, path } = place;
  const shown = `${transport}:${path}`;
  if (transport === "docker-daemon") {
    const { savedByDocker } = await import("./docker_daemon.ts");
    const { images } = await openStream(
      shown,
      savedByDocker(path, spool.signal),
      spool,
    );
    return chosenOf(shown, images, undefined);
  }
  const found = await openPath(shown, path, spool);
  if (!FORMATS[transport].includes(found.transport)) {
    throw new ContainerError(
      `Cannot read the images of ${shown}: it is ${found.transport}`,
      { hint: `Write ${found.transport}:${path}.` },
    );
  }
  return chosenOf(shown, found.images, place.image);
}

/** The image with a name, or the only one. */
function chosenOf(
  shown: string,
  images: readonly OfferedImage[],
  name: string | undefined,
): OfferedImage {
  const index = /^@(\d+)$/.exec(name ?? "")?.[1];
  const wanted = index !== undefined
    ? images.slice(Number(index), Number(index) + 1)
    : name === undefined
    ? images
    : images.flatMap((image) => underName(image, name) ?? []);
  const [image, ...more] = wanted;
  if (image && !more.length) return image;
  if (!images.length) throw unusable(shown, "it has no image");
  const names = images.flatMap(wordsFor);
  const there = names.length
    ? `It has ${names.slice(0, 10).join(", ")}.`
    : `It has ${images.length} without a name.`;
  if (image) {
    throw new UsageError(
      `${shown} has several images`,
      `Name one after another colon. ${there}`,
    );
  }
  throw new ContainerError(`There is no image ${name} in ${shown}`, {
    hint: there,
  });
}

/** The words that name an image in its place. */
function wordsFor({ names, manifests }: OfferedImage): string[] {
  if (!names.length) return [];
  const own = manifests.flatMap(({ annotations = {} }) => {
    const whole = annotations["io.containerd.image.name"];
    return whole === undefined
      ? annotations["org.opencontainers.image.ref.name"] ?? []
      : [];
  });
  return own.length ? own : names.map((name) => {
    const reference = asReference(name);
    return reference ? familiarName(reference) : name;
  });
}
