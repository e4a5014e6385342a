/**
 * Images for programs: `images()` of the library, and what `pull()` does as root.
 * Runs in the program's own process.
 */

import { parseSize } from "../spec/resource_flags.ts";
import type { Progress } from "./progress.ts";
import { parsePlatform, platformText } from "./spec/platform.ts";
import { storeOf } from "./store/places.ts";
import { ImageStore, type StoredImage } from "./store/store.ts";

/** An image of the store. */
export interface Image {
  /** Its ID: the digest of its configuration. */
  id: string;
  /** Its full name, such as `docker.io/library/alpine:3.20`; null without. */
  name: string | null;
  /** The digest by which its registry knows it, or else that of its manifest. */
  digest: string;
  /** Such as `linux/amd64`. */
  platform: string;
  /** When it was made, RFC 3339; null if it does not say it. */
  created: string | null;
  /** Its labels. */
  labels: Record<string, string>;
  /** The bytes of its unpacked layers. */
  size: number;
}

/** Where images are kept. */
export interface StoreOptions {
  /** The directory of the store; the default is that of the command line. */
  store?: string;
}

/** How an image is fetched. */
export interface PullOptions extends StoreOptions {
  /** Such as `linux/arm64`; the default is this machine's. */
  platform?: string;
  /** A file with credentials, instead of those of docker and podman. */
  authFile?: string;
  /** `USER:PASSWORD`. */
  credentials?: string;
  /** A directory with certificates: `*.crt`, `*.cert` and `*.key`. */
  certificates?: string;
  /** The most bytes of a layer, unpacked: a number, or such as `2g`. */
  maxUnpacked?: number | string;
  /** Is told how far the layers are. */
  onProgress?: (progress: Progress) => void;
  /** Ends the pull; nothing stays. */
  signal?: AbortSignal;
}

/** The most bytes of a layer: enough for the largest that exist. */
export const MOST_UNPACKED = "64g";

/** An image as a program sees it. */
export const asImage = (image: StoredImage): Image => ({
  id: image.id,
  name: image.name ?? null,
  digest: image.source ?? image.digest,
  platform: platformText(image.platform),
  created: image.created ?? null,
  labels: image.labels,
  size: image.size,
});

/** Opens the store that options name. */
export const openStoreOf = ({ store }: StoreOptions) =>
  ImageStore.open(storeOf(store));

/**
 * Lists the images of a store: one for each name, and those without a name.
 *
 * @throws {ContainerError} if the store cannot be read
 */
export const images = (options: StoreOptions = {}): Image[] =>
  openStoreOf(options).images().map(asImage);

/**
 * Fetches an image into a store, as root of the namespace that its files need.
 *
 * @throws {ContainerError}
 */
export async function pullInto(
  store: ImageStore,
  name: string,
  options: PullOptions,
): Promise<StoredImage> {
  const { platform, credentials, maxUnpacked = MOST_UNPACKED } = options;
  const { onProgress, signal } = options;
  // A program that only runs containers does not load them.
  const { parseCredentials } = await import("./registry/credentials.ts");
  const { Session } = await import("./registry/session.ts");
  const { pull: pullImage } = await import("./pull.ts");
  const { UNPACKER } = await import("./unpacker.ts");
  using session = new Session({
    authFile: options.authFile,
    certificates: options.certificates,
    signal,
    ...credentials === undefined
      ? {}
      : { credentials: parseCredentials(credentials) },
    onWait: (milliseconds, why) =>
      onProgress?.({ kind: "wait", milliseconds, why }),
  });
  const { placeOf } = await import("./place_of.ts");
  const place = placeOf(session.conf, name);
  const wanted = {
    store,
    session,
    unpacker: UNPACKER,
    maxUnpacked: parseSize("max-unpacked", String(maxUnpacked)),
    signal,
    onProgress,
    ...platform === undefined ? {} : { platform: parsePlatform(platform) },
  };
  const { image } = place.transport === "docker"
    ? await pullImage(place.reference, wanted)
    : await (await import("./pull_place.ts")).pullPlace(place, wanted);
  return image;
}
