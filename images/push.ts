/**
 * Puts an image of the store into a registry: its layers, its configuration,
 * and at last its manifest. Runs on the host, in the command's process.
 */

import { ContainerError, UsageError } from "../spec/errors.ts";
import { atOnce } from "./at_once.ts";
import type { OnProgress } from "./progress.ts";
import type { Session } from "./registry/session.ts";
import { Uploads } from "./registry/upload.ts";
import { inFormat, type ManifestFormat } from "./spec/convert.ts";
import { isForeign } from "./spec/media_types.ts";
import {
  familiarName,
  type Reference,
  targetOf,
  withDefaultTag,
} from "./spec/reference.ts";
import { type Descriptor, parseDocument } from "./spec/types.ts";
import { hasBlob, readBlob } from "./store/blobs.ts";
import { blobFile } from "./store/places.ts";
import type { ImageStore, StoredImage } from "./store/store.ts";

/** What a push needs. */
export interface PushOptions {
  store: ImageStore;
  session: Session;
  signal?: AbortSignal;
  onProgress?: OnProgress;
  /** The format of the manifest; without one, it stays as it is. */
  format?: ManifestFormat;
}

/** As many layers at once as docker sends. */
const AT_ONCE = 5;

/**
 * Puts an image into a registry under a name.
 *
 * @returns the digest and the size of its manifest
 * @throws {ContainerError}
 */
export async function push(
  image: StoredImage,
  reference: Reference,
  { store, session, signal, onProgress, format }: PushOptions,
): Promise<{ digest: string; size: number }> {
  const wanted = withDefaultTag(reference);
  const name = familiarName(wanted);
  if (wanted.digest !== undefined) {
    throw new UsageError(
      `Cannot push ${name}: a name with a digest cannot be pushed`,
      "Give a name with a tag.",
    );
  }
  const own = readBlob(store.path, image.digest);
  const document = parseDocument(name, own, image.entry.mediaType);
  if (document.kind === "index") {
    throw new ContainerError(`Cannot push ${name}: it is a list of images`, {
      hint: "Push it with skopeo copy --all.",
    });
  }
  const { manifest, bytes, descriptor } = inFormat(
    name,
    { manifest: document.manifest, bytes: own },
    format,
  );
  const blobs = [...manifest.layers, manifest.config];
  for (const { digest, size, mediaType } of blobs) {
    if (isForeign(mediaType) || hasBlob(store.path, digest, size)) continue;
    throw new ContainerError(
      `Cannot push ${name}: the store lacks its blob ${digest}`,
      { hint: "Pull the image again." },
    );
  }
  const endpoint = session.conf.endpoints(wanted).at(-1)!;
  const uploads = new Uploads(session.repository(endpoint));
  const from = sourceOf(image, endpoint.reference);
  onProgress?.({ kind: "begin", name, layers: manifest.layers });
  const send = async (blob: Descriptor) => {
    const { digest, size } = blob;
    if (isForeign(blob.mediaType)) return;
    const how = await uploads.blob(blob, {
      path: blobFile(store.path, digest),
      from,
      onSent: (bytes) =>
        onProgress?.({ kind: "layer", digest, state: "moving", bytes }),
    });
    onProgress?.({
      kind: "layer",
      digest,
      state: how === "sent" ? "done" : "here",
      bytes: size,
    });
  };
  const unique = [
    ...new Map(blobs.map((blob) => [blob.digest, blob])).values(),
  ];
  await atOnce(unique, AT_ONCE, send, signal);
  await uploads.manifest(targetOf(wanted), bytes, manifest.mediaType);
  return { digest: descriptor.digest, size: descriptor.size };
}

/** The repository from which the registry can take the layers. */
function sourceOf(
  { repository = "" }: StoredImage,
  { registry, path }: Reference,
): string | undefined {
  const source = repository.startsWith(`${registry}/`)
    ? repository.slice(registry.length + 1)
    : undefined;
  return source === path ? undefined : source;
}
