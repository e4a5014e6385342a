/**
 * Fetches an image into the store: its manifest, its configuration and its
 * layers, which are unpacked while they arrive. Runs on the host, in the
 * command's process.
 */

import { ContainerError } from "../spec/errors.ts";
import { addFound, type AddOptions, findImage } from "./add_image.ts";
import { makeReady } from "./make_ready.ts";
import { RegistryError } from "./registry/errors.ts";
import type { Endpoint } from "./registry/registries_conf.ts";
import type { Session } from "./registry/session.ts";
import { checkSignatures, type Demands } from "./registry/signatures.ts";
import { fitOf, hostPlatform } from "./spec/platform.ts";
import {
  familiarName,
  fullName,
  type Reference,
  repositoryOf,
  targetOf,
  withDefaultTag,
} from "./spec/reference.ts";
import { hasBlob } from "./store/blobs.ts";
import { layerFiles, statOrNull } from "./store/places.ts";
import type { ImageStore, StoredImage } from "./store/store.ts";

/** What a pull needs. */
export interface PullOptions extends AddOptions {
  store: ImageStore;
  session: Session;
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
  const demands = session.demands(wanted);
  const here = goodImage(wanted, options);
  if (here && wanted.digest !== undefined && !demands.signatures.length) {
    return { image: here, digest: wanted.digest, isOld: true };
  }
  const endpoints = session.conf.endpoints(wanted);
  for (const endpoint of endpoints) {
    try {
      return await pullFrom(endpoint, wanted, here, demands, options);
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

/** Spares the first run a look into the layers. */
function prepareRun(store: ImageStore, image: StoredImage): void {
  try {
    makeReady(store, image);
  } catch (error) {
    // A run says what is wrong with the image.
    if (!(error instanceof ContainerError)) throw error;
  }
}

async function pullFrom(
  { reference, ...endpoint }: Endpoint,
  wanted: Reference,
  here: StoredImage | null,
  demands: Demands,
  options: PullOptions,
): Promise<Pulled> {
  const repository = options.session.repository({ reference, ...endpoint });
  const target = targetOf(reference);
  const verify = (digest: string) =>
    checkSignatures(demands, wanted, digest, repository);
  if (here && await repository.digestOf(target) === here.source) {
    await verify(here.digest);
    return { image: here, digest: here.source!, isOld: true };
  }
  const sent = await repository.manifest(target);
  if (here && sent.digest === here.source) {
    await verify(here.digest);
    return { image: here, digest: here.source, isOld: true };
  }
  const name = familiarName(wanted);
  const found = await findImage(name, repository, sent, options);
  await verify(found.descriptor.digest);
  using work = options.store.begin();
  await addFound(work, found, options);
  work.commit({
    descriptor: found.descriptor,
    name: fullName(wanted),
    source: sent.digest,
    repository: repositoryOf(wanted),
  });
  const image = options.store.named(wanted)!;
  prepareRun(options.store, image);
  return {
    image,
    digest: sent.digest,
    isOld: false,
  };
}
