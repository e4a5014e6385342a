/**
 * Fetches an image into the store: its manifest, its configuration and its
 * layers, which are unpacked while they arrive. Runs on the host, in the
 * command's process.
 */

import { ContainerError } from "../spec/errors.ts";
import { isDigest } from "./spec/digest.ts";
import {
  familiarName,
  fullName,
  type Reference,
  repositoryOf,
  targetOf,
  withDefaultTag,
} from "./spec/reference.ts";
import {
  chooseManifest,
  fitOf,
  hostPlatform,
  platformText,
} from "./spec/platform.ts";
import { type ImageConfig, parseImageConfig } from "./spec/image_config.ts";
import {
  type Descriptor,
  type Manifest,
  parseDocument,
  type Platform,
} from "./spec/types.ts";
import { RegistryError } from "./registry/errors.ts";
import type { Endpoint } from "./registry/registries_conf.ts";
import type { Repository, SentManifest } from "./registry/repository.ts";
import type { Session } from "./registry/session.ts";
import { hasBlob, verify } from "./store/blobs.ts";
import { Digester } from "./spec/digest.ts";
import { layerFiles, statOrNull } from "./store/places.ts";
import type { ImageStore, StoredImage } from "./store/store.ts";
import { addLayers, type LayerUnpacker } from "./layer_work.ts";
import type { OnProgress } from "./progress.ts";

/** What a pull needs. */
export interface PullOptions {
  store: ImageStore;
  session: Session;
  unpacker: LayerUnpacker;
  /** The platform that the user has named. */
  platform?: Platform;
  /** The most bytes that each layer may have when it is unpacked. */
  maxUnpacked: number;
  signal?: AbortSignal;
  onProgress?: OnProgress;
}

/** What a pull has done. */
export interface Pulled {
  image: StoredImage;
  /** The digest by which the registry knows it. */
  digest: string;
  /** It was here already. */
  isOld: boolean;
}

/**
 * Fetches an image, or makes sure that the one here is the registry's.
 *
 * @throws {ContainerError} with what is wrong; the store is as it was before
 */
export async function pull(
  reference: Reference,
  options: PullOptions,
): Promise<Pulled> {
  const { session, onProgress } = options;
  const wanted = withDefaultTag(reference);
  session.check(wanted);
  const here = goodImage(wanted, options);
  if (here && wanted.digest !== undefined) {
    return { image: here, digest: wanted.digest, isOld: true };
  }
  const endpoints = session.conf.endpoints(wanted);
  for (const endpoint of endpoints) {
    try {
      return await pullFrom(endpoint, wanted, here, options);
    } catch (error) {
      if (!endpoint.isMirror || !(error instanceof RegistryError)) throw error;
      onProgress?.({
        kind: "warning",
        text:
          `The mirror ${endpoint.reference.registry} fails: ${error.message}`,
      });
    }
  }
  throw new ContainerError(`There is no registry for ${fullName(wanted)}`);
}

/** The image of the store with a name, if it is whole and fits. */
function goodImage(
  wanted: Reference,
  { store, platform = hostPlatform() }: PullOptions,
): StoredImage | null {
  try {
    const image = store.named(wanted);
    const isWhole = image &&
      image.chains.every((chain) =>
        statOrNull(layerFiles(store.path, chain)) !== null
      ) &&
      [image.digest, image.id, ...image.blobs].every((blob) =>
        hasBlob(store.path, blob)
      );
    return image && isWhole && fitOf(image.platform, platform) !== null
      ? image
      : null;
  } catch (error) {
    // It is damaged, and is fetched anew.
    if (error instanceof ContainerError) return null;
    throw error;
  }
}

async function pullFrom(
  { reference, ...endpoint }: Endpoint,
  wanted: Reference,
  here: StoredImage | null,
  options: PullOptions,
): Promise<Pulled> {
  const repository = options.session.repository({ reference, ...endpoint });
  const target = targetOf(reference);
  if (here && await repository.digestOf(target) === here.source) {
    return { image: here, digest: here.source!, isOld: true };
  }
  const sent = await repository.manifest(target);
  if (here && sent.digest === here.source) {
    return { image: here, digest: here.source, isOld: true };
  }
  const name = familiarName(wanted);
  const found = await manifestFor(name, repository, sent, options);
  const config = await configOf(name, repository, found.manifest);
  checkImage(name, found.manifest, config.parsed, options);
  const { store } = options;
  using work = store.begin();
  work.pin([
    found.descriptor.digest,
    found.manifest.config.digest,
    ...found.manifest.layers.map(({ digest }) => digest),
  ]);
  await Deno.writeFile(work.blob(found.descriptor.digest), found.bytes);
  await Deno.writeFile(work.blob(found.manifest.config.digest), config.bytes);
  await addLayers(work, {
    name,
    layers: found.manifest.layers,
    diffIds: config.parsed.diffIds,
    fetch: (layer) => repository.blob(layer),
    ...options,
  });
  work.commit({
    descriptor: { ...found.descriptor, platform: config.parsed.platform },
    name: fullName(wanted),
    source: sent.digest,
    repository: repositoryOf(wanted),
  });
  return { image: store.named(wanted)!, digest: sent.digest, isOld: false };
}

/** A manifest of one image, with its bytes. */
interface FoundManifest {
  descriptor: Descriptor;
  manifest: Manifest;
  bytes: Uint8Array;
}

/** The manifest for the platform, which the registry may have in an index. */
async function manifestFor(
  name: string,
  repository: Repository,
  sent: SentManifest,
  { platform = hostPlatform() }: PullOptions,
): Promise<FoundManifest> {
  const document = parseDocument(name, sent.bytes, sent.mediaType);
  if (document.kind === "manifest") return asFound(sent, document.manifest);
  const chosen = chooseManifest(name, document.index.manifests, platform);
  const inner = await repository.manifest(chosen.digest);
  verify(
    chosen,
    { digest: inner.digest, size: inner.bytes.length },
    repository.name,
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
  repository: Repository,
  { config }: Manifest,
): Promise<{ bytes: Uint8Array; parsed: ImageConfig }> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const digester = new Digester(config.digest);
  let size = 0;
  for await (const part of repository.blob(config)) {
    size += part.length;
    if (size > config.size) break;
    digester.update(part);
    parts.push(new Uint8Array(part));
  }
  verify(config, { digest: digester.end(), size }, repository.name);
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  return { bytes, parsed: parseImageConfig(name, bytes) };
}

/** Refuses an image that no container can run here. */
function checkImage(
  name: string,
  { layers }: Manifest,
  { diffIds, platform }: ImageConfig,
  options: PullOptions,
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
