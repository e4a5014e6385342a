/**
 * Unpacks a layer: from the stream of its blob to a directory. Runs in the
 * process that unpacks, which may be in a user namespace; it needs the rights to
 * change owners there.
 */

import { createHash } from "node:crypto";
import { errnoName, SyscallError } from "../../ffi/errno.ts";
import { AT_FDCWD } from "../../ffi/fcntl.ts";
import {
  close,
  makeDirectoryAt,
  openAt,
  removeAttribute,
} from "../../ffi/files/files.ts";
import { fromText, nameOf } from "../tar/byte_string.ts";
import { decompress } from "../decompress/decompress.ts";
import { DIRECTORY } from "./directories.ts";
import { ArchiveError, damaged, LayerError, quoted } from "../tar/errors.ts";
import { removeTree } from "./remove_tree.ts";
import { TarReader } from "../tar/tar_reader.ts";
import type { Unpacked, UnpackOptions } from "./unpack_options.ts";
import { Unpacker } from "./unpacker.ts";

/** Lists of the directory above, which all files of a layer would inherit. */
const INHERITED = ["system.posix_acl_default", "system.posix_acl_access"];

/**
 * Unpacks a layer into a new directory, in constant memory. Nothing is synced:
 * call syncfs(2) once for an image, then rename. The layer is complete only
 * after finishLayer().
 *
 * @throws LayerError if the layer is damaged, has an entry that is refused, or
 * cannot be written. Then nothing is left of the directory.
 * @throws whatever the source throws, and the reason of `signal`
 */
export async function unpackLayer(
  source: AsyncIterable<Uint8Array>,
  options: UnpackOptions,
): Promise<Unpacked> {
  const { into } = options;
  const root = makeRoot(into);
  try {
    return await unpackInto(root, source, options);
  } catch (error) {
    removeTree(AT_FDCWD, fromText(into));
    throw error;
  } finally {
    close(root);
  }
}

function makeRoot(into: string): number {
  const name = nameOf(fromText(into));
  const made = makeDirectoryAt(AT_FDCWD, name, 0o700);
  if (made < 0) {
    throw new SyscallError("mkdirat", errnoName(-made), `create ${into}`);
  }
  const root = openAt(AT_FDCWD, name, DIRECTORY);
  if (root < 0) {
    throw new SyscallError("openat", errnoName(-root), `open ${into}`);
  }
  for (const list of INHERITED) removeAttribute(root, nameOf(list));
  return root;
}

async function unpackInto(
  root: number,
  source: AsyncIterable<Uint8Array>,
  options: UnpackOptions,
): Promise<Unpacked> {
  const { maxUnpacked, signal, onRead, onContent } = options;
  using unpacker = new Unpacker(root, options, {
    uid: Deno.uid() ?? 0,
    gid: Deno.gid() ?? 0,
    umask: Deno.umask(),
  });
  const reader = new TarReader(unpacker);
  const hash = createHash("sha256");
  let archiveSize = 0;
  try {
    await decompress(watched(source, signal, onRead), (bytes) => {
      signal?.throwIfAborted();
      archiveSize += bytes.length;
      if (archiveSize > maxUnpacked) throw tooLarge(maxUnpacked, reader);
      hash.update(bytes);
      onContent?.(bytes);
      reader.push(bytes);
    });
    reader.finish();
  } catch (error) {
    throw error instanceof ArchiveError && error.after === undefined
      ? damaged(error.fault, reader.last)
      : error;
  }
  const unfinished = unpacker.finish();
  const { size, entries, hidesAll, lost } = unpacker;
  const diffId = `sha256:${hash.digest("hex")}`;
  return { diffId, size, archiveSize, entries, hidesAll, unfinished, lost };
}

async function* watched(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
  onRead: ((bytes: number) => void) | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    signal?.throwIfAborted();
    yield chunk;
    onRead?.(chunk.length);
  }
}

const tooLarge = (most: number, { last }: TarReader) =>
  new LayerError(
    `Cannot unpack the layer${
      last === undefined ? "" : ` after the entry ${quoted(last)}`
    }: it has more than ${most} bytes without its compression`,
    { hint: "If you trust the image, raise the limit with --max-unpacked." },
  );
