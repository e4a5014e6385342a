/**
 * Writes a cpio archive in the "newc" format, which Linux unpacks as its
 * initial RAM disk (buffer-format.rst in the kernel's documentation).
 *
 * @module
 */

import { type Entry, type Node, readEntries } from "./entries.ts";

const encoder = new TextEncoder();

/** The archive's bytes. */
export async function archive(
  entries: readonly Entry[],
): Promise<Uint8Array<ArrayBuffer>> {
  const nodes = await readEntries(entries);
  const chunks = [...nodes, { path: "TRAILER!!!", mode: 0 }].flatMap(encode);
  const bytes = new Uint8Array(
    chunks.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function encode(
  { path, mode, content = new Uint8Array(), device = [0, 0] }: Node,
  index: number,
): Uint8Array[] {
  const name = encoder.encode(path + "\0");
  const fields = [
    index + 1, // ino
    mode,
    0, // uid
    0, // gid
    1, // nlink
    0, // mtime
    content.length,
    0, // devmajor
    0, // devminor
    ...device,
    name.length,
    0, // check
  ].map((field) => field.toString(16).padStart(8, "0")).join("");
  const header = encoder.encode("070701" + fields);
  return [
    header,
    name,
    new Uint8Array(padding(header.length + name.length)),
    content,
    new Uint8Array(padding(content.length)),
  ];
}

const padding = (length: number) => -length & 3;
