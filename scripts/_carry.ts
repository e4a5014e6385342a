/**
 * Adds files to a compiled program. containers/run/carried.ts reads them.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { basename } from "@std/path";
import {
  CARRIED,
  type Directory,
  endOfRuntime,
  TRAILER,
} from "../containers/run/carried.ts";

/**
 * The offset at which data can be added to a compiled program; null if the
 * program ends in an unknown way.
 */
export function placeToAdd(program: Uint8Array<ArrayBuffer>): number | null {
  const trailer = program.subarray(-TRAILER.size);
  return endOfRuntime(
    new DataView(trailer.buffer, trailer.byteOffset, trailer.byteLength),
    program.length,
  );
}

/**
 * The bytes of the program with these files, or a sentence that says why that
 * is impossible. Pure. No other data may be added afterwards: anything between
 * the files and the end would be read as their directory.
 */
export function withFiles(
  program: Uint8Array<ArrayBuffer>,
  files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
): Uint8Array<ArrayBuffer> | string {
  const begin = placeToAdd(program);
  if (begin === null) return "the runtime does not end as expected";
  const directory: Directory = {};
  let end = begin;
  for (const [name, bytes] of files) {
    directory[name] = [end, bytes.length];
    end += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(directory));
  const mark = new Uint8Array(CARRIED.size);
  const view = new DataView(mark.buffer);
  view.setUint32(0, CARRIED.mark, true);
  view.setBigUint64(CARRIED.length, BigInt(text.length), true);
  const parts = [...files.values(), text, mark];
  const added = parts.reduce((sum, { length }) => sum + length, 0);
  const made = new Uint8Array(program.length + added);
  made.set(program.subarray(0, begin));
  let at = begin;
  for (const part of parts) {
    made.set(part, at);
    at += part.length;
  }
  made.set(program.subarray(begin), at);
  return made;
}

/**
 * Adds files to a program. Returns a sentence that says why that is impossible,
 * or null.
 */
export async function addFiles(
  program: string,
  paths: readonly string[],
): Promise<string | null> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const path of paths) {
    files.set(basename(path), await Deno.readFile(path));
  }
  return await rewrite(program, (bytes) => withFiles(bytes, files));
}

/**
 * Rewrites a program. Returns a sentence that says why that is impossible, or
 * null.
 */
export async function rewrite(
  program: string,
  change: (
    bytes: Uint8Array<ArrayBuffer>,
  ) => Uint8Array<ArrayBuffer> | string,
): Promise<string | null> {
  const made = change(await Deno.readFile(program));
  if (typeof made === "string") return made;
  await Deno.writeFile(program, made);
  return null;
}
