/**
 * Adds an image to a work: its manifest, its configuration and its layers, from
 * a registry or from files. Runs in the command's process.
 */

import { ContainerError } from "../spec/errors.ts";
import { addLayers, type LayerUnpacker } from "./layer_work.ts";
import type { ImageSource } from "./places/offered_image.ts";
import type { OnProgress } from "./progress.ts";
import type { SentManifest } from "./registry/repository.ts";
import { Digester, isDigest } from "./spec/digest.ts";
import { type ImageConfig, parseImageConfig } from "./spec/image_config.ts";
import {
  chooseManifest,
  fitOf,
  hostPlatform,
  platformText,
} from "./spec/platform.ts";
import {
  type Descriptor,
  type Manifest,
  parseDocument,
  type Platform,
} from "./spec/types.ts";
import { verify } from "./store/blobs.ts";
import type { Work } from "./store/work.ts";

/** How an image is added. */
export interface AddOptions {
  unpacker: LayerUnpacker;
  /** The platform that the user has named. */
  platform?: Platform;
  /** The most bytes that the new layers may have when they are unpacked. */
  maxUnpacked: number;
  signal?: AbortSignal;
  onProgress?: OnProgress;
  /** What to do if something is not what its digest says. */
  damagedHint?: string;
}

/** The manifest of one image, with its bytes, and its configuration. */
export interface FoundImage {
  /** The image, for messages. */
  name: string;
  source: ImageSource;
  descriptor: Descriptor;
  manifest: Manifest;
  bytes: Uint8Array;
  config: { bytes: Uint8Array; parsed: ImageConfig };
}

/**
 * The image for the platform, of which the source may have several.
 *
 * @param sent the manifest, or the index
 * @throws {ContainerError}
 */
export async function findImage(
  name: string,
  source: ImageSource,
  sent: SentManifest,
  options: AddOptions,
): Promise<FoundImage> {
  const found = await manifestFor(name, source, sent, options);
  const config = await configOf(name, source, found.manifest, options);
  checkImage(name, found.manifest, config.parsed, options);
  return {
    ...found,
    name,
    source,
    descriptor: { ...found.descriptor, platform: config.parsed.platform },
    config,
  };
}

/**
 * Adds an image that has been found. The caller commits the work.
 *
 * @throws {ContainerError}
 */
export async function addFound(
  work: Work,
  { name, source, descriptor, manifest, bytes, config }: FoundImage,
  options: AddOptions,
): Promise<void> {
  work.pin(blobsOf(descriptor, manifest));
  await Deno.writeFile(work.blob(descriptor.digest), bytes);
  await Deno.writeFile(work.blob(manifest.config.digest), config.bytes);
  await addLayers(work, {
    ...options,
    name,
    layers: manifest.layers,
    diffIds: config.parsed.diffIds,
    fetch: (layer) => source.blob(layer),
  });
}

/** The digests of everything that an image needs. */
export const blobsOf = (
  { digest }: Descriptor,
  { config, layers }: Manifest,
): string[] => [digest, config.digest, ...layers.map(({ digest }) => digest)];

interface FoundManifest {
  descriptor: Descriptor;
  manifest: Manifest;
  bytes: Uint8Array;
}

/** The manifest for the platform, which the source may have in an index. */
async function manifestFor(
  name: string,
  source: ImageSource,
  sent: SentManifest,
  { platform = hostPlatform(), damagedHint }: AddOptions,
): Promise<FoundManifest> {
  const document = parseDocument(name, sent.bytes, sent.mediaType);
  if (document.kind === "manifest") return asFound(sent, document.manifest);
  const chosen = chooseManifest(name, document.index.manifests, platform);
  const inner = await source.manifest(chosen.digest);
  verify(
    chosen,
    { digest: inner.digest, size: inner.bytes.length },
    source.name,
    damagedHint,
  );
  const second = parseDocument(name, inner.bytes, inner.mediaType);
  if (second.kind === "manifest") return asFound(inner, second.manifest);
  throw new ContainerError(`Cannot use ${name}: its index has another index`, {
    hint: "Name the image that you want by its digest.",
  });
}

const asFound = (
  { bytes, digest }: SentManifest,
  manifest: Manifest,
): FoundManifest => ({
  bytes,
  manifest,
  descriptor: {
    mediaType: manifest.mediaType,
    digest,
    size: bytes.length,
  },
});

/** The configuration of an image, verified. */
async function configOf(
  name: string,
  source: ImageSource,
  { config }: Manifest,
  { damagedHint }: AddOptions,
): Promise<FoundImage["config"]> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const digester = new Digester(config.digest);
  let size = 0;
  for await (const part of source.blob(config)) {
    size += part.length;
    if (size > config.size) break;
    digester.update(part);
    parts.push(new Uint8Array(part));
  }
  verify(config, { digest: digester.end(), size }, source.name, damagedHint);
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  return { bytes, parsed: parseImageConfig(name, bytes) };
}

/** Refuses an image that no container can run here. */
function checkImage(
  name: string,
  { layers }: Manifest,
  { diffIds, platform }: ImageConfig,
  options: AddOptions,
): void {
  if (layers.length !== diffIds.length || !diffIds.every(isDigest)) {
    throw new ContainerError(
      `Cannot use ${name}: it has ${layers.length} layers, but its configuration names ${diffIds.length}`,
      { hint: "The image is broken: ask its author, or choose another." },
    );
  }
  if (platform.os !== "linux") {
    throw new ContainerError(
      `Cannot use ${name}: it is made for ${platformText(platform)}`,
      { hint: "Choose an image for Linux." },
    );
  }
  if (fitOf(platform, options.platform ?? hostPlatform()) !== null) return;
  if (options.platform) {
    throw new ContainerError(
      `${name} is not made for ${platformText(options.platform)}`,
      { hint: `It is made for ${platformText(platform)} only.` },
    );
  }
  options.onProgress?.({
    kind: "warning",
    text: `${name} is made for ${platformText(platform)}, not for this machine`,
  });
}
