/**
 * Images of an archive of docker, which lists files and has no manifests of its
 * own: what `docker save` wrote before version 25, and podman and skopeo write.
 */

import { compressionOf } from "../decompress/decompress.ts";
import { Digester, digestOf, isDigest } from "../spec/digest.ts";
import { parseImageConfig } from "../spec/image_config.ts";
import { CONFIG, MANIFEST } from "../spec/media_types.ts";
import { asReference, fullName, withDefaultTag } from "../spec/reference.ts";
import {
  type Descriptor,
  LARGEST_CONFIG,
  LARGEST_MANIFEST,
  MOST_LAYERS,
} from "../spec/types.ts";
import { faulty, Untrusted } from "../spec/untrusted.ts";
import { type FileSet, lacks, readNeeded, unusable } from "./file_set.ts";
import type { OfferedImage } from "./offered_image.ts";

const LAYER = "application/vnd.docker.image.rootfs.diff.tar";
const MOST_IMAGES = 10_000;

/** One image of `manifest.json`. */
interface Listed {
  config: string;
  names: string[];
  layers: string[];
}

function readList(place: string, bytes: Uint8Array): Listed[] {
  const document = `manifest.json of ${place}`;
  // The document is a list, and Untrusted reads objects.
  const text = new TextDecoder().decode(bytes);
  const whole = new TextEncoder().encode(`{"images":${text}}`);
  return Untrusted.parse(document, whole).at("images").items(MOST_IMAGES)
    .map((item) => ({
      config: pathIn(document, item.at("Config").word()),
      names: (item.at("RepoTags").optional((at) => at.words()) ?? [])
        .map((word) => nameOf(place, word)),
      layers: (item.at("Layers").optional((at) => at.items(MOST_LAYERS)) ?? [])
        .map((layer) => pathIn(document, layer.word())),
    }));
}

function nameOf(place: string, word: string): string {
  const reference = asReference(word);
  if (reference) return fullName(withDefaultTag(reference));
  throw unusable(place, `it names an image ${JSON.stringify(word)}`);
}

function pathIn(document: string, path: string): string {
  const parts = path.split("/");
  if (path.startsWith("/") || parts.includes("..") || path === "") {
    throw faulty(document, `the path ${path || '""'} leads out of the archive`);
  }
  return parts.filter((part) => part && part !== ".").join("/");
}

/**
 * The images of an archive.
 *
 * @throws {ContainerError} if it is none
 */
export async function dockerImages(files: FileSet): Promise<OfferedImage[]> {
  const list = readList(
    files.place,
    await readNeeded(files, "manifest.json", LARGEST_MANIFEST),
  );
  const layers = new Map<string, Descriptor>();
  const images: OfferedImage[] = [];
  for (const listed of list) images.push(await imageOf(files, listed, layers));
  return images;
}

/** An image with the manifest that skopeo would make for it. */
async function imageOf(
  files: FileSet,
  { config, names, layers }: Listed,
  known: Map<string, Descriptor>,
): Promise<OfferedImage> {
  const configBytes = await readNeeded(files, config, LARGEST_CONFIG);
  const { diffIds } = parseImageConfig(files.place, configBytes);
  const paths = new Map<string, string>([[digestOf(configBytes), config]]);
  if (layers.length !== diffIds.length || !diffIds.every(isDigest)) {
    throw unusable(
      files.place,
      `it lists ${layers.length} layers, but ${config} names ${diffIds.length}`,
    );
  }
  const described: Descriptor[] = [];
  for (const [index, path] of layers.entries()) {
    const key = `${path} ${diffIds[index]}`;
    const layer = known.get(key) ??
      await layerOf(files, path, diffIds[index]!);
    known.set(key, layer);
    paths.set(layer.digest, path);
    described.push(layer);
  }
  const manifest = new TextEncoder().encode(JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST.docker,
    config: {
      mediaType: CONFIG.docker,
      size: configBytes.length,
      digest: digestOf(configBytes),
    },
    layers: described,
  }));
  const digest = digestOf(manifest);
  return {
    names,
    manifests: [{
      mediaType: MANIFEST.docker,
      digest,
      size: manifest.length,
    }],
    source: {
      name: files.place,
      manifest: () => Promise.resolve({ bytes: manifest, digest }),
      blob: ({ digest }) => files.stream(paths.get(digest)!),
    },
  };
}

/** A layer, whose digest the archive says only if it is not compressed. */
async function layerOf(
  files: FileSet,
  path: string,
  diffId: string,
): Promise<Descriptor> {
  const size = files.sizeOf(path);
  if (size === null) throw lacks(files, path);
  let compression: string | null = null;
  for await (const start of files.stream(path)) {
    compression = compressionOf(start);
    break;
  }
  if (compression === null) return { mediaType: LAYER, size, digest: diffId };
  const digester = new Digester();
  for await (const part of files.stream(path)) digester.update(part);
  return {
    mediaType: `${LAYER}.${compression}`,
    size,
    digest: digester.end(),
  };
}
