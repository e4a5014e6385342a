/**
 * Blobs: content by its digest. A blob is written below another name, hashed
 * while it is written, and renamed.
 */

import { ContainerError } from "../../spec/errors.ts";
import { Digester } from "../spec/digest.ts";
import { LARGEST_CONFIG } from "../spec/types.ts";
import { blobFile, statOrNull, storeError } from "./places.ts";

/** The error for a blob whose content is not what its name says. */
export const damaged = (store: string, digest: string): ContainerError =>
  new ContainerError(`The store of images has a damaged blob: ${digest}`, {
    hint: `Remove ${blobFile(store, digest)} and pull the image again.`,
  });

/** Whether a blob is in the store, with its whole length. */
export const hasBlob = (
  store: string,
  digest: string,
  size?: number,
): boolean => {
  const info = statOrNull(blobFile(store, digest));
  return info !== null && info.isFile &&
    (size === undefined || info.size === size);
};

/**
 * Reads a small blob, a manifest or a configuration, and verifies it.
 *
 * @throws {ContainerError} if it is missing or damaged
 */
export function readBlob(store: string, digest: string): Uint8Array {
  const path = blobFile(store, digest);
  try {
    const info = Deno.statSync(path);
    if (info.size > LARGEST_CONFIG) throw damaged(store, digest);
    const bytes = Deno.readFileSync(path);
    const digester = new Digester(digest);
    digester.update(bytes);
    if (digester.end() !== digest) throw damaged(store, digest);
    return bytes;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw storeError(path, error);
    throw new ContainerError(`The store of images lacks a blob: ${digest}`, {
      hint: "Pull the image again.",
    });
  }
}

/** What is expected of content that arrives. */
export interface Expected {
  digest: string;
  size: number;
}

/** What to do if a registry sends other content. */
const TRY_AGAIN =
  "Try again; if it happens again, the registry or a proxy is broken.";

/**
 * Passes content on, writes it to a file, and verifies its digest and size at
 * its end. The file is removed if anything fails or the reader stops early.
 *
 * @param origin where the content comes from, for messages
 * @param hint what to do if it is not what was expected
 * @throws {ContainerError} if it is not what was expected
 */
export async function* writeThrough(
  source: AsyncIterable<Uint8Array>,
  path: string,
  { digest, size }: Expected,
  origin: string,
  hint?: string,
): AsyncGenerator<Uint8Array> {
  const digester = new Digester(digest);
  let length = 0;
  let isWhole = false;
  try {
    using file = await Deno.open(path, {
      createNew: true,
      write: true,
      mode: 0o644,
    });
    for await (const bytes of source) {
      length += bytes.length;
      if (length > size) break;
      digester.update(bytes);
      for (let rest = bytes; rest.length;) {
        rest = rest.subarray(await file.write(rest));
      }
      yield bytes;
    }
    const found = { digest: digester.end(), size: length };
    verify({ digest, size }, found, origin, hint);
    isWhole = true;
  } catch (error) {
    throw error instanceof Error && /os error/.test(error.message)
      ? storeError(path, error)
      : error;
  } finally {
    if (!isWhole) await Deno.remove(path).catch(() => {});
  }
}

/**
 * Compares content with what was expected.
 *
 * @throws {ContainerError}
 */
export function verify(
  expected: Expected,
  found: Expected,
  origin: string,
  hint = TRY_AGAIN,
): void {
  if (found.size !== expected.size) {
    const length = found.size > expected.size
      ? `more than ${expected.size} bytes`
      : `only ${found.size} of ${expected.size} bytes`;
    throw new ContainerError(
      `Cannot use ${expected.digest} of ${origin}: it has ${length}`,
      { hint },
    );
  }
  if (found.digest !== expected.digest) {
    throw new ContainerError(
      `Cannot use ${expected.digest} of ${origin}: its content has another digest, ${found.digest}`,
      { hint },
    );
  }
}

/** Reads a blob as a stream. */
export async function* streamBlob(
  store: string,
  digest: string,
): AsyncGenerator<Uint8Array> {
  const path = blobFile(store, digest);
  using file = await Deno.open(path);
  for (;;) {
    const buffer = new Uint8Array(128 * 1024);
    const length = await file.read(buffer);
    if (length === null) return;
    yield buffer.subarray(0, length);
  }
}
