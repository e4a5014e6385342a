/** Writes what `run` needs of an image, for the next run. */

import { ContainerError } from "../../spec/errors.ts";
import { readIndex, replaceFile } from "./layout.ts";
import { FORMAT, readyFile, type ReadyImage } from "./ready.ts";
import { lockStore } from "./work.ts";

/** Larger files are rare, and records of containers repeat them. */
const MOST_BYTES = 1 << 16;

/** Notes what `run` needs of an image; its layers are unpacked. */
export function keepReady(
  store: string,
  digest: string,
  image: ReadyImage,
): void {
  const text = JSON.stringify({ format: FORMAT, image });
  if (text.length > MOST_BYTES) return;
  try {
    using _lock = lockStore(store);
    // Another command may have removed the image in the meantime.
    if (!readIndex(store)?.some((entry) => entry.digest === digest)) return;
    Deno.mkdirSync(`${store}/ready`, { recursive: true, mode: 0o755 });
    replaceFile(readyFile(store, digest), text, { sync: false });
  } catch (error) {
    // The image runs without the file as well: the disk may be full.
    if (!(error instanceof ContainerError) && !isRefused(error)) throw error;
  }
}

const isRefused = (error: unknown) =>
  error instanceof Error && /os error/.test(error.message);
