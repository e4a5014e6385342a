/**
 * Makes an image of the store from a new layer: on top of another image, or
 * alone. Runs on the host, in the command's process.
 */

import { ContainerError } from "../spec/errors.ts";
import { addNewLayer, type NewLayer } from "./new_layer.ts";
import type { RawConfig } from "./spec/container_config.ts";
import { chainIds, digestOf } from "./spec/digest.ts";
import { parseImageConfig } from "./spec/image_config.ts";
import {
  compressionOf,
  CONFIG,
  isForeign,
  MANIFEST,
} from "./spec/media_types.ts";
import { fullName, type Reference, withDefaultTag } from "./spec/reference.ts";
import {
  type Descriptor,
  MOST_LAYERS,
  parseDocument,
  type Platform,
} from "./spec/types.ts";
import { readBlob } from "./store/blobs.ts";
import type { ImageStore } from "./store/store.ts";
import type { Work } from "./store/work.ts";

/** The formats of a manifest. */
export const FORMATS = ["oci", "docker"] as const;
export type Format = typeof FORMATS[number];

/** What is added to a store. */
export interface NewImageOptions {
  store: ImageStore;
  /** The tar file of the new layer, compressed or not. */
  archive: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** The digests of the manifest and the configuration of the image below. */
  base?: { manifest: string; config: string };
  /** The platform of an image without another one below. */
  platform: Platform;
  config: RawConfig;
  /** How the layer was made, for the history. */
  createdBy?: string;
  comment?: string;
  author?: string;
  /** RFC 3339. */
  created: string;
  format: Format;
  name?: Reference;
  maxUnpacked?: number;
  signal?: AbortSignal;
  onRead?(bytes: number): void;
}

/** The configuration of an image, as its JSON has it. */
interface RawImage {
  architecture?: string;
  os?: string;
  variant?: string;
  author?: string;
  config?: RawConfig;
  rootfs?: { type?: string; diff_ids?: string[] };
  history?: object[];
  [other: string]: unknown;
}

/** Members that docker's old builder has written about a container. */
const OLD = ["container", "container_config", "docker_version", "id", "parent"];

const encode = (value: unknown) =>
  new TextEncoder().encode(JSON.stringify(value));

/**
 * Adds an image.
 *
 * @returns its ID
 * @throws {ContainerError}; the store is as it was before
 */
export async function addNewImage(options: NewImageOptions): Promise<string> {
  const { store, base, format, name } = options;
  using work = store.begin();
  const below = base ? imageBelow(work, base) : null;
  const diffIds = below?.diffIds ?? [];
  if (diffIds.length >= MOST_LAYERS) {
    throw new ContainerError(
      `Cannot add a layer: the image has ${diffIds.length} layers, and the kernel takes ${MOST_LAYERS}`,
      { hint: "Use container export and container import for one layer." },
    );
  }
  const layer = await addNewLayer(work, options.archive, {
    below: diffIds,
    maxUnpacked: options.maxUnpacked,
    signal: options.signal,
    onRead: options.onRead,
  });
  const image = encode(imageOf(below?.raw ?? null, layer, options));
  const id = digestOf(image);
  const manifest = encode({
    schemaVersion: 2,
    mediaType: MANIFEST[format],
    config: { mediaType: CONFIG[format], digest: id, size: image.length },
    layers: [
      ...(below?.layers ?? []).map((one) => inFormat(one, format)),
      {
        mediaType: layerType("gzip", format),
        digest: layer.digest,
        size: layer.size,
      },
    ],
  });
  const digest = digestOf(manifest);
  // The same rules as for an image that is pulled.
  const { platform } = parseImageConfig("the new image", image);
  await Deno.writeFile(work.blob(id), image);
  await Deno.writeFile(work.blob(digest), manifest);
  work.commit({
    descriptor: {
      mediaType: MANIFEST[format],
      digest,
      size: manifest.length,
      platform,
    },
    ...name ? { name: fullName(withDefaultTag(name)) } : {},
  });
  return id;
}

/** The image below, of which nothing is removed while the work lasts. */
function imageBelow(
  work: Work,
  { manifest, config }: { manifest: string; config: string },
): { raw: RawImage; layers: Descriptor[]; diffIds: string[] } {
  const { store } = work;
  work.pin([manifest, config]);
  const document = parseDocument(manifest, readBlob(store, manifest));
  if (document.kind === "index") {
    throw new ContainerError(`${manifest} names several images`);
  }
  const { layers } = document.manifest;
  const bytes = readBlob(store, config);
  const { diffIds } = parseImageConfig(config, bytes);
  work.pin(layers.map(({ digest }) => digest), chainIds(diffIds));
  return { raw: JSON.parse(new TextDecoder().decode(bytes)), layers, diffIds };
}

function imageOf(
  below: RawImage | null,
  { diffId }: NewLayer,
  options: NewImageOptions,
): RawImage {
  const { created, createdBy, comment, author, config, platform } = options;
  const kept = Object.fromEntries(
    Object.entries(below ?? platform).filter(([key]) => !OLD.includes(key)),
  );
  return {
    ...kept,
    created,
    ...author ? { author } : {},
    config,
    rootfs: {
      type: "layers",
      diff_ids: [...below?.rootfs?.diff_ids ?? [], diffId],
    },
    history: [...below?.history ?? [], {
      created,
      ...createdBy ? { created_by: createdBy } : {},
      ...author ? { author } : {},
      ...comment ? { comment } : {},
    }],
  };
}

/** The media type of a layer. docker's format has none for zstd. */
const layerType = (compression: "none" | "gzip" | "zstd", format: Format) =>
  format === "oci"
    ? `application/vnd.oci.image.layer.v1.tar${
      compression === "none" ? "" : `+${compression}`
    }`
    : `application/vnd.docker.image.rootfs.diff.tar${
      compression === "none" ? "" : `.${compression}`
    }`;

/** The layer of the image below, as the new manifest names it. */
function inFormat(
  { mediaType, digest, size, urls, annotations }: Descriptor,
  format: Format,
): Descriptor {
  const compression = compressionOf(mediaType) ?? "gzip";
  if (format === "docker" && compression === "zstd") {
    throw new ContainerError(
      "Cannot write the image in docker's format: a layer is compressed with zstd",
      { hint: "Use --format oci." },
    );
  }
  return {
    mediaType: isForeign(mediaType)
      ? mediaType
      : layerType(compression, format),
    digest,
    size,
    ...urls ? { urls } : {},
    ...annotations && format === "oci" ? { annotations } : {},
  };
}

/** The time for new images: SOURCE_DATE_EPOCH, or now. */
export function creationTime(): string {
  const epoch = Deno.env.get("SOURCE_DATE_EPOCH");
  const seconds = /^\d{1,11}$/.test(epoch ?? "") ? Number(epoch) : null;
  return new Date(seconds === null ? Date.now() : seconds * 1000)
    .toISOString();
}
