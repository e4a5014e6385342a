/** The format of a log, as launch/native/keeper.c writes it. Pure. */

/** A piece of a container's output. */
export interface LogEntry {
  /** When the keeper read it, in RFC 3339. */
  time: string;
  /** The stream; `keeper` marks a message of the keeper itself. */
  stream: "stdout" | "stderr" | "keeper";
  /** Whether the line was complete. */
  ended: boolean;
  text: Uint8Array;
}

const LF = 0x0a;
const SPACE = 0x20;
const F = "F".charCodeAt(0);
const decoder = new TextDecoder();

/** The parts of a line of the log; null if it is not one. */
function partsOf(line: Uint8Array) {
  const first = line.indexOf(SPACE);
  const second = line.indexOf(SPACE, first + 1);
  if (first < 0 || second < 0 || line[second + 2] !== SPACE) return null;
  return {
    time: decoder.decode(line.subarray(0, first)),
    stream: decoder.decode(line.subarray(first + 1, second)),
    ended: line[second + 1] === F,
    text: line.subarray(second + 3),
  };
}

/** Parses a line of the log; null if it is not one. */
export function parseEntry(line: Uint8Array): LogEntry | null {
  const parts = partsOf(line);
  if (!parts) return null;
  const { stream } = parts;
  return stream === "stdout" || stream === "stderr" || stream === "keeper"
    ? { ...parts, stream }
    : null;
}

/** How many bytes of the log came before this file, from its first line. */
export function bytesBefore(beginning: Uint8Array): number {
  const end = beginning.indexOf(LF);
  const parts = end < 0 ? null : partsOf(beginning.subarray(0, end));
  return parts?.stream === "before" ? Number(decoder.decode(parts.text)) : 0;
}

/** Parses a log that is read in pieces. */
export class EntryParser {
  #rest = new Uint8Array();

  /** The entries that this piece completes. The caller may reuse its buffer. */
  take(piece: Uint8Array): LogEntry[] {
    const bytes = new Uint8Array(this.#rest.length + piece.length);
    bytes.set(this.#rest);
    bytes.set(piece, this.#rest.length);
    const entries: LogEntry[] = [];
    let from = 0;
    for (let to; (to = bytes.indexOf(LF, from)) >= 0; from = to + 1) {
      const entry = parseEntry(bytes.subarray(from, to));
      if (entry) entries.push(entry);
    }
    this.#rest = bytes.slice(from);
    return entries;
  }

  /** Drops an incomplete entry and returns its length. */
  forget(): number {
    const { length } = this.#rest;
    this.#rest = new Uint8Array();
    return length;
  }
}

/** A message of this program among a container's output. */
export const ownEntry = (text: string): LogEntry => ({
  time: new Date().toISOString(),
  stream: "keeper",
  ended: true,
  text: new TextEncoder().encode(text),
});
