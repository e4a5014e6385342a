/** The form of a log, as launch/native/keeper.c writes it. Pure. */

/** A piece of what a container has written. */
export interface LogEntry {
  /** RFC 3339, as it was read. */
  time: string;
  /** Of which stream; `keeper` is the keeper's own word. */
  stream: "stdout" | "stderr" | "keeper";
  /** The line was ended. */
  ended: boolean;
  text: Uint8Array;
}

const LF = 0x0a;
const SPACE = 0x20;
const F = "F".charCodeAt(0);
const decoder = new TextDecoder();

/** The parts of a line of the log; null for what is none. */
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

/** A line of the log; null for what is none. */
export function parseEntry(line: Uint8Array): LogEntry | null {
  const parts = partsOf(line);
  if (!parts) return null;
  const { stream } = parts;
  return stream === "stdout" || stream === "stderr" || stream === "keeper"
    ? { ...parts, stream }
    : null;
}

/** How many bytes of the log are before this file of it, as its first line has it. */
export function bytesBefore(beginning: Uint8Array): number {
  const end = beginning.indexOf(LF);
  const parts = end < 0 ? null : partsOf(beginning.subarray(0, end));
  return parts?.stream === "before" ? Number(decoder.decode(parts.text)) : 0;
}

/** Makes entries of a log that is read by the piece. */
export class EntryParser {
  #rest = new Uint8Array();

  /** The entries that this piece completes. It may be used again afterwards. */
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

  /** Forgets what is no whole entry yet; how much it was. */
  forget(): number {
    const { length } = this.#rest;
    this.#rest = new Uint8Array();
    return length;
  }
}

/** A word of ours among what a container has written. */
export const ownWord = (text: string): LogEntry => ({
  time: new Date().toISOString(),
  stream: "keeper",
  ended: true,
  text: new TextEncoder().encode(text),
});
