/**
 * The files of a place with images: of a directory, or of an archive. What they
 * contain is not trusted. Runs in the command's process.
 */

import { withoutControls } from "../../spec/controls.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";

/** What to do with a place that cannot be used. */
export const BROKEN = "Get it again, or write it again with a current tool.";

/** The error for a place that cannot be used. */
export const unusable = (
  place: string,
  cause: string,
  hint: string = BROKEN,
): ContainerError =>
  new ContainerError(
    `Cannot read the images of ${place}: ${withoutControls(cause)}`,
    { hint },
  );

/** Files by their paths, relative to the place. */
export interface FileSet {
  /** The place, for messages. */
  readonly place: string;
  /** The size of a file; null if there is none. */
  sizeOf(path: string): number | null;
  /** The content of a file from its start. */
  stream(path: string): AsyncGenerator<Uint8Array>;
}

/** The bytes of one read. */
const PIECE = 256 * 1024;

/** A part of a file, from an offset on. */
export async function* streamPart(
  path: string,
  { offset, size }: { offset: number; size: number },
): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path);
  await file.seek(offset, Deno.SeekMode.Start);
  for (let left = size; left > 0;) {
    const buffer = new Uint8Array(Math.min(PIECE, left));
    const length = await file.read(buffer);
    if (length === null) return;
    left -= length;
    yield buffer.subarray(0, length);
  }
}

/**
 * A small file as a whole; null if there is none.
 *
 * @throws {ContainerError} if it is larger than `most`
 */
export async function readSmall(
  files: FileSet,
  path: string,
  most: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const size = files.sizeOf(path);
  if (size === null) return null;
  if (size > most) {
    throw unusable(
      files.place,
      `its file ${path} is larger than ${most >> 20} MiB`,
    );
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const part of files.stream(path)) {
    if (at + part.length > size) break;
    bytes.set(part, at);
    at += part.length;
  }
  if (at === size) return bytes;
  throw unusable(files.place, `its file ${path} became shorter`);
}

/**
 * The same for a file that must be there.
 *
 * @throws {ContainerError}
 */
export async function readNeeded(
  files: FileSet,
  path: string,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readSmall(files, path, most);
  if (bytes) return bytes;
  throw lacks(files, path);
}

/** The error for a file that is missing. */
export const lacks = ({ place }: FileSet, path: string): ContainerError =>
  unusable(
    place,
    `it lacks ${path}`,
    "Write it again; if it has several platforms, choose one that is there with --platform.",
  );

/** The files of a directory. */
export class DirectoryFiles implements FileSet {
  readonly #root: string;

  constructor(readonly place: string, path: string) {
    try {
      this.#root = Deno.realPathSync(path);
    } catch (error) {
      throw unusable(
        place,
        systemReason(error),
        "Check the path; it is a directory.",
      );
    }
  }

  sizeOf(path: string): number | null {
    try {
      const info = Deno.statSync(this.#within(path));
      if (info.isFile) return info.size;
    } catch (error) {
      if (
        error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.NotADirectory
      ) return null;
      if (error instanceof ContainerError) throw error;
      throw unusable(
        this.place,
        `${path}: ${systemReason(error)}`,
        "Check the rights of the file.",
      );
    }
    throw unusable(this.place, `${path} is not a file`);
  }

  stream(path: string): AsyncGenerator<Uint8Array> {
    return streamPart(this.#within(path), { offset: 0, size: Infinity });
  }

  /** The path of a file, which no link may lead out of the directory. */
  #within(path: string): string {
    const real = Deno.realPathSync(`${this.#root}/${path}`);
    if (real.startsWith(`${this.#root.replace(/\/$/, "")}/`)) return real;
    throw unusable(this.place, `${path} leads out of the directory`);
  }
}
