/**
 * Takes all images of an archive or a directory into the store. Runs in the
 * command's process.
 */

import { type AddedImage, addOffered } from "./add_offered.ts";
import { unusable } from "./places/file_set.ts";
import { isDirectory, openPath, openStream } from "./places/open_place.ts";
import { type PlaceOptions, realPath } from "./pull_place.ts";
import { checkPlace, readPolicy } from "./registry/policy.ts";

/**
 * Loads images, whatever the format is.
 *
 * @param input a path, or the content of an archive
 * @throws {ContainerError} with what is wrong; the store is as it was before
 */
export async function loadImages(
  input: string | ReadableStream<Uint8Array>,
  options: PlaceOptions,
): Promise<AddedImage[]> {
  const { store, maxUnpacked, signal } = options;
  const policy = readPolicy();
  const isPath = typeof input === "string";
  const place = isPath ? input : "standard input";
  // A wrong path does not make a store.
  if (isPath) isDirectory(place, input);
  using work = store.begin();
  const spool = {
    file: `${work.path}/archive`,
    most: maxUnpacked,
    ...signal ? { signal } : {},
  };
  const { transport, images } = isPath
    ? await openPath(place, input, spool)
    : await openStream(place, untilAborted(input, signal), spool);
  checkPlace(policy, {
    name: place,
    transport,
    path: isPath ? realPath(input) : null,
  });
  if (!images.length) throw unusable(place, "it has no image");
  return await addOffered(work, images, options);
}

/** A stream that the signal ends even while nothing arrives. */
async function* untilAborted(
  stream: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  const stop = () => void reader.cancel().catch(() => {});
  signal?.addEventListener("abort", stop);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    reader.releaseLock();
  }
}
