/**
 * Changes of hosts(5) files while others read them. A container can write to
 * its own file, so nothing of the old text is relied on. Runs on the host.
 *
 * @module
 */

/** A file that a container has made larger is written anew. */
const LARGEST = 1 << 20;
/** So many bytes of empty lines may stay, and as many as there is text. */
const SPARE = 8 << 10;

/** The end of a file that is looked at first. */
const TAIL = 4 << 10;

const NEWLINE = 10;

/** Adds a line with one write(2). Nothing happens if the file is missing. */
export function appendLine(path: string, line: string): void {
  using file = openOrNull(path, { append: true });
  file?.writeSync(new TextEncoder().encode(line));
}

/** The lines that become empty. */
export interface Blanked {
  /** How they may begin. */
  starts: readonly string[];
  /** How they end, with the newline. */
  end: string;
  /** A file of twice this size is looked through for empty lines. */
  usual: number;
}

/**
 * Makes lines empty. A reader sees a line whole or not at all, as long as it
 * reads it at once.
 */
export function blankLines(
  path: string,
  { starts, end, usual }: Blanked,
): void {
  using file = openOrNull(path, { read: true, write: true });
  if (!file) return;
  const { size } = file.statSync();
  if (size > LARGEST) return file.truncateSync(0);
  // Most containers that leave are among the last that have joined.
  const tail = Math.max(0, size - TAIL);
  const isLong = size > 2 * usual + SPARE;
  if (tail && !isLong) {
    if (blankFrom(file, tail, { starts, end }) === starts.length) return;
  }
  blankFrom(file, 0, { starts, end });
  if (isLong) compact(file);
}

/**
 * Makes lines empty in the rest of a file.
 *
 * @returns how many
 */
function blankFrom(
  file: Deno.FsFile,
  offset: number,
  { starts, end }: Pick<Blanked, "starts" | "end">,
): number {
  const bytes = contentOf(file, offset);
  // One character a byte, so that positions are those of bytes.
  const text = LATIN.decode(bytes);
  let gone = 0;
  for (
    let at = text.indexOf(end);
    at >= 0;
    at = text.indexOf(end, at + end.length)
  ) {
    const from = text.lastIndexOf("\n", at - 1) + 1;
    // The first line of a rest may be a half one.
    if (offset && !from) continue;
    if (!starts.some((start) => text.startsWith(start, from))) continue;
    const length = at + end.length - from;
    file.seekSync(offset + from, Deno.SeekMode.Start);
    writeAll(file, new Uint8Array(length).fill(NEWLINE));
    gone++;
  }
  return gone;
}

const LATIN = new TextDecoder("latin1");

/** Removes empty lines if they are more than the text. */
function compact(file: Deno.FsFile): void {
  const old = contentOf(file, 0);
  const kept = LATIN.decode(old).replace(/\n{2,}/g, "\n");
  if (2 * kept.length + SPARE > old.length) return;
  const bytes = new Uint8Array(old.length).fill(NEWLINE);
  for (let index = 0; index < kept.length; index++) {
    bytes[index] = kept.charCodeAt(index);
  }
  replace(file, bytes, kept.length);
}

/**
 * Replaces the text in place. Nobody ever reads an empty file: the rest of a
 * longer text becomes empty lines first.
 */
export function rewrite(path: string, text: string): void {
  using file = openOrNull(path, { write: true });
  if (!file) return;
  const bytes = new TextEncoder().encode(text);
  const { size } = file.statSync();
  if (size > LARGEST) file.truncateSync(0);
  const padded = new Uint8Array(
    size > LARGEST ? bytes.length : Math.max(size, bytes.length),
  ).fill(NEWLINE);
  padded.set(bytes);
  replace(file, padded, bytes.length);
}

function replace(file: Deno.FsFile, padded: Uint8Array, length: number): void {
  file.seekSync(0, Deno.SeekMode.Start);
  writeAll(file, padded);
  file.truncateSync(length);
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let rest = bytes; rest.length;) {
    rest = rest.subarray(file.writeSync(rest));
  }
}

/** The bytes of a file from an offset. */
function contentOf(file: Deno.FsFile, offset: number): Uint8Array {
  const bytes = new Uint8Array(
    Math.max(0, Math.min(file.statSync().size, LARGEST) - offset),
  );
  file.seekSync(offset, Deno.SeekMode.Start);
  let length = 0;
  while (length < bytes.length) {
    const count = file.readSync(bytes.subarray(length));
    if (!count) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

function openOrNull(path: string, how: Deno.OpenOptions): Deno.FsFile | null {
  try {
    return Deno.openSync(path, how);
  } catch (error) {
    // It has not been made yet, or is gone.
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
