/**
 * Names in an archive are bytes, and need not be UTF-8. This program keeps them
 * as strings in which each character is a byte, so they can be compared, split
 * and used as keys. Pure.
 */

import type { Name } from "../../ffi/files/files.ts";

/** Bytes, one in each character, all below 256. */
export type ByteString = string;

/** How many bytes one call of fromCharCode takes. */
const PIECE = 4096;

/** The bytes from `start` to `end`. */
export function byteString(
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): ByteString {
  if (end - start <= PIECE) return ofPiece(bytes.subarray(start, end));
  let text = "";
  for (let at = start; at < end; at += PIECE) {
    text += ofPiece(bytes.subarray(at, Math.min(at + PIECE, end)));
  }
  return text;
}

// apply() takes bytes as they are; the spread syntax would iterate over them.
const ofPiece = (bytes: Uint8Array): ByteString =>
  String.fromCharCode.apply(null, bytes as unknown as number[]);

/** The bytes before the first NUL, in a field that need not have one. */
export function fieldString(
  bytes: Uint8Array,
  start: number,
  length: number,
): ByteString {
  let end = start;
  while (end < start + length && bytes[end] !== 0) end++;
  return byteString(bytes, start, end);
}

/** The bytes of a string. */
export function bytesOf(text: ByteString): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** The bytes with a NUL at the end, as the kernel takes a name. */
export function nameOf(text: ByteString): Name {
  const bytes = new Uint8Array(text.length + 1);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** The bytes of a text in UTF-8. */
export const fromText = (text: string): ByteString =>
  byteString(new TextEncoder().encode(text));

/** The text for a message; bytes that are not UTF-8 are replaced. */
export const shown = (text: ByteString): string =>
  new TextDecoder().decode(bytesOf(text));

/** Divides a path, which is not the root, into its directory and its last part. */
export function splitPath(
  path: ByteString,
): [directory: ByteString, base: ByteString] {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
}
