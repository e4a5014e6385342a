/**
 * Puts files into a compiled program, where containers/decide/carried.ts finds them.
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
} from "../containers/decide/carried.ts";

/** Where something can be put into a program that is compiled; null where nowhere. */
export function placeToAdd(program: Uint8Array<ArrayBuffer>): number | null {
  const trailer = program.subarray(-TRAILER.size);
  return endOfRuntime(
    new DataView(trailer.buffer, trailer.byteOffset, trailer.byteLength),
    program.length,
  );
}

/**
 * The bytes of the program with these files in it; a word on why that cannot be.
 * Pure. They are the last that is added: what comes between them and the end is
 * taken for them.
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

/** Puts files into a program; a word on why that cannot be. */
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

/** Makes another program of one; a word on why that cannot be. */
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
