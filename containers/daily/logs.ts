/**
 * Reads the log that a keeper writes, launch/native/keeper.c. Runs on the host,
 * in the process of the command. It takes no lock, and reads and changes
 * nothing else.
 */

import {
  bytesBefore,
  EntryParser,
  type LogEntry,
  ownEntry,
} from "./log_entry.ts";

const BUFFER = 64 * 1024;
/**
 * The longest first line, which says how much of the log is in earlier files.
 */
const BEGINNING = 64;
/** Milliseconds between two reads of a log that is followed. */
const PATIENCE = 20;
/** Every so many reads, `follow` is asked whether more will come. */
const TURNS = 5;

/** One file of a log. */
class LogFile implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #parser = new EntryParser();
  /** The inode number, which identifies the file while it is open. */
  readonly number: number | null;
  /**
   * How many bytes of the log came before this file; null if it is still empty.
   */
  before: number | null = null;
  #position = 0;

  constructor(path: string) {
    this.#file = Deno.openSync(path);
    this.number = this.#file.statSync().ino;
    const beginning = new Uint8Array(BEGINNING);
    const count = this.#file.readSync(beginning);
    if (count) this.before = bytesBefore(beginning.subarray(0, count));
    this.#file.seekSync(0, Deno.SeekMode.Start);
  }

  /** The position in the whole log up to which it has been read. */
  get end(): number {
    return (this.before ?? 0) + this.#position;
  }

  /** The output since the last call, in pieces. */
  *pieces(): Generator<LogEntry[]> {
    const { size } = this.#file.statSync();
    if (size < this.#position) {
      // On a full disk the keeper cuts off an incomplete entry. A shorter file
      // has been truncated by somebody else.
      const whole = this.#position - this.#parser.forget();
      const start = size < whole ? 0 : whole;
      this.#position = this.#file.seekSync(start, Deno.SeekMode.Start);
    }
    const buffer = new Uint8Array(BUFFER);
    for (let count; (count = this.#file.readSync(buffer));) {
      this.before ??= bytesBefore(buffer.subarray(0, count));
      this.#position += count;
      const entries = this.#parser.take(buffer.subarray(0, count));
      if (entries.length) yield entries;
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

function openLog(path: string): LogFile | null {
  try {
    return new LogFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * The file that follows another one, or the first file; null if there is none
 * yet. Between two files of a log there is no `log` for a moment.
 */
function fileAfter(path: string, file: LogFile | null): LogFile | null {
  // If the newest is renamed between the two calls it is found twice, but never
  // missed.
  const newest = openLog(path);
  const older = openLog(`${path}.1`);
  const comesAfter = (next: LogFile | null): next is LogFile =>
    next !== null && next.before !== null && next.number !== file?.number &&
    (!file || next.before > (file.before ?? 0) ||
      // A keeper that writes no first line with the position.
      next === newest && next.before === 0 && file.before === 0);
  const [found = null] = [older, newest].filter(comesAfter)
    .sort((a, b) => a.before! - b.before!);
  if (newest !== found) newest?.[Symbol.dispose]();
  if (older !== found) older?.[Symbol.dispose]();
  return found;
}

/**
 * After so many files the reader counts as caught up, even if the keeper writes
 * faster than it reads.
 */
const FILES = 3;

/**
 * The entries in the log of a container's directory, oldest first and in
 * pieces. If files were replaced before they could be read, an entry says how
 * many bytes are missing.
 *
 * @param follow wait for more entries until this returns true: no more will
 * come
 */
export async function* readLog(
  directory: string,
  follow?: () => boolean,
): AsyncGenerator<LogEntry[] | "caught up"> {
  const path = `${directory}/log`;
  let file: LogFile | null = null;
  let isCaughtUp = false;
  try {
    for (let turn = 0, files = 0, last = false;; turn++) {
      if (turn % TURNS === 0) last = follow?.() ?? true;
      let idle = true;
      for (const piece of file?.pieces() ?? []) {
        idle = false;
        yield piece;
      }
      const next: LogFile | null = follow || files < FILES
        ? fileAfter(path, file)
        : null;
      if (next) {
        files++;
        // Output from between the last read and the renaming of the file.
        if (file) yield* file.pieces();
        if (file && next.before! > file.end) {
          yield [missed(next.before! - file.end)];
        }
        file?.[Symbol.dispose]();
        file = next;
      }
      if (!isCaughtUp && (!next || follow && files >= FILES)) {
        isCaughtUp = true;
        yield "caught up";
      }
      if (next) continue;
      if (last) return;
      if (idle) await new Promise((resolve) => setTimeout(resolve, PATIENCE));
    }
  } finally {
    file?.[Symbol.dispose]();
  }
}

const missed = (count: number) =>
  ownEntry(
    `${count} bytes of the log are missing here: they were deleted before they were read`,
  );

/** Which entries of a log to show. */
export interface LogSelection {
  /** RFC 3339, in UTC. */
  since?: string;
  until?: string;
  /** The number of lines at the end. */
  tail?: number;
}

/**
 * Selects entries. With `tail`, nothing is returned before the reader has
 * caught up.
 */
export async function* selectEntries(
  pieces: AsyncIterable<LogEntry[] | "caught up">,
  { since, until, tail }: LogSelection,
): AsyncGenerator<LogEntry[]> {
  let last: LogEntry[] | null = tail === undefined ? null : [];
  for await (const piece of pieces) {
    if (piece === "caught up") {
      if (last) yield lastLines(last, tail!);
      last = null;
      continue;
    }
    const chosen: LogEntry[] = [];
    let over = false;
    for (const entry of piece) {
      if (since !== undefined && entry.time < since) continue;
      over = until !== undefined && entry.time > until;
      if (over) break;
      chosen.push(entry);
    }
    if (last) last.push(...chosen);
    else yield chosen;
    if (!over) continue;
    if (last) yield lastLines(last, tail!);
    return;
  }
}

function lastLines(entries: LogEntry[], count: number): LogEntry[] {
  let at = entries.length;
  let left = count;
  while (at > 0) {
    // This entry ends the previous line.
    if (entries[at - 1]!.ended || at === entries.length) left--;
    if (left < 0) break;
    at--;
  }
  return entries.slice(at);
}
