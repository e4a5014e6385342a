/**
 * Writes the files of a place: as a tar file, the same bytes for the same
 * images, or into a directory. Constant memory. Runs in the command's process.
 */

import { ContainerError, systemReason } from "../../spec/errors.ts";
import { Digester } from "../spec/digest.ts";
import { damaged } from "../store/blobs.ts";
import { blobFile } from "../store/places.ts";
import { fromText } from "../tar/byte_string.ts";
import { END, headerOf, padding } from "../tar/tar_writer.ts";
import type { Entry, Kind } from "../tar/tar_format.ts";
import type { PlaceFile } from "./place_files.ts";

/** Where the blobs are, and what ends the writing. */
export interface WriteOptions {
  store: string;
  signal?: AbortSignal;
}

/** Takes the next bytes. Their memory is used again afterwards. */
export type Sink = (bytes: Uint8Array) => void | Promise<void>;

/** The bytes of one read. */
const PIECE = 1024 * 1024;

/**
 * Gives the content of a file to a sink, and verifies it.
 *
 * @throws {ContainerError} if a blob of the store is damaged
 */
async function copy(
  { content }: PlaceFile,
  take: Sink,
  { store, signal }: WriteOptions,
): Promise<void> {
  if (content instanceof Uint8Array) return await take(content);
  const { digest, size } = content;
  using file = await Deno.open(blobFile(store, digest));
  const digester = new Digester(digest);
  const buffer = new Uint8Array(PIECE);
  let left = size;
  while (left > 0) {
    signal?.throwIfAborted();
    const length = await file.read(buffer.subarray(0, Math.min(PIECE, left)));
    if (length === null) break;
    const bytes = buffer.subarray(0, length);
    digester.update(bytes);
    left -= length;
    await take(bytes);
  }
  if (left || digester.end() !== digest) throw damaged(store, digest);
}

/** An entry without anything of this machine or of the clock. */
const entryFor = (path: string, kind: Kind, size: number): Entry => ({
  name: fromText(path),
  kind,
  link: "",
  mode: kind === "directory" ? 0o755 : 0o644,
  uid: 0,
  gid: 0,
  size,
  modified: { seconds: 0, nanoseconds: 0 },
  device: { major: 0, minor: 0 },
  attributes: null,
  sparse: null,
});

const sizeOf = ({ content }: PlaceFile) =>
  content instanceof Uint8Array ? content.length : content.size;

/** The directories of a path, the highest first. */
const parentsOf = (path: string): string[] =>
  path.split("/").slice(0, -1).map((_, index, parts) =>
    parts.slice(0, index + 1).join("/")
  );

/** Writes a tar file. */
export async function writeArchive(
  files: readonly PlaceFile[],
  take: Sink,
  options: WriteOptions,
): Promise<void> {
  const directories = new Set<string>();
  for (const file of files) {
    for (const directory of parentsOf(file.path)) {
      if (directories.has(directory)) continue;
      directories.add(directory);
      await take(headerOf(entryFor(directory, "directory", 0)));
    }
    const size = sizeOf(file);
    await take(headerOf(entryFor(file.path, "file", size)));
    await copy(file, take, options);
    await take(padding(size));
  }
  await take(END);
}

/**
 * Writes a file under another name, and renames it when it is complete. What is
 * no ordinary file, such as a pipe, is written as it is.
 *
 * @throws {ContainerError}
 */
export async function replaceWith(
  path: string,
  write: (take: Sink) => Promise<void>,
): Promise<void> {
  const real = realPathOrNull(path) ?? path;
  const isSpecial = kindOf(real) === "special";
  const draft = isSpecial ? real : `${real}.${crypto.randomUUID()}.part`;
  try {
    {
      using file = await Deno.open(draft, {
        write: true,
        ...isSpecial ? {} : { createNew: true, mode: 0o600 },
      });
      await write((bytes) => {
        for (let rest = bytes; rest.length;) {
          rest = rest.subarray(file.writeSync(rest));
        }
      });
    }
    if (!isSpecial) await Deno.rename(draft, real);
  } catch (error) {
    if (!isSpecial) await Deno.remove(draft).catch(() => {});
    throw cannotWrite(path, error);
  }
}

function realPathOrNull(path: string): string | null {
  try {
    return Deno.realPathSync(path);
  } catch {
    return null;
  }
}

function kindOf(path: string): "missing" | "file" | "directory" | "special" {
  try {
    const { isFile, isDirectory } = Deno.statSync(path);
    return isDirectory ? "directory" : isFile ? "file" : "special";
  } catch {
    return "missing";
  }
}

function cannotWrite(path: string, error: unknown): unknown {
  const isSystem = error instanceof Error && /os error/.test(error.message);
  return isSystem
    ? new ContainerError(`Cannot write ${path}: ${systemReason(error)}`, {
      hint: "Check the path, its rights and the space on its disk.",
      cause: error,
    })
    : error;
}

/**
 * Writes files into a directory, which is made if it is missing. Files with the
 * same content stay. If it fails, what it has written is removed.
 *
 * @throws {ContainerError}
 */
export async function writeDirectory(
  files: readonly PlaceFile[],
  directory: string,
  options: WriteOptions,
): Promise<void> {
  const made: string[] = [];
  try {
    const isNew = kindOf(directory) === "missing";
    if (isNew) {
      await Deno.mkdir(directory);
      made.push(directory);
    }
    for (const file of files) {
      for (const parent of parentsOf(file.path)) {
        const path = `${directory}/${parent}`;
        if (kindOf(path) !== "missing") continue;
        await Deno.mkdir(path);
        made.push(path);
      }
      const path = `${directory}/${file.path}`;
      const isBlob = !(file.content instanceof Uint8Array);
      if (isBlob && isThere(path, sizeOf(file))) continue;
      const wasThere = kindOf(path) !== "missing";
      await replaceWith(path, (take) => copy(file, take, options));
      if (!wasThere) made.push(path);
    }
  } catch (error) {
    for (const path of made.reverse()) {
      await Deno.remove(path).catch(() => {});
    }
    throw cannotWrite(directory, error);
  }
}

function isThere(path: string, size: number): boolean {
  try {
    const info = Deno.statSync(path);
    return info.isFile && info.size === size;
  } catch {
    return false;
  }
}

/** The names in a directory; none if it does not exist. */
export function namesOf(directory: string): string[] {
  switch (kindOf(directory)) {
    case "missing":
      return [];
    case "directory":
      return [...Deno.readDirSync(directory)].map(({ name }) => name);
    default:
      throw new ContainerError(`Cannot write ${directory}: it is a file`, {
        hint: "Name a new or empty directory.",
      });
  }
}
