/**
 * Reading what a keeper has kept, launch/native/keeper.c. Runs on the host; reads and
 * changes nothing, and nobody waits for it.
 */

import {
  bytesBefore,
  EntryParser,
  type LogEntry,
  ownWord,
} from "./log_entry.ts";

const BUFFER = 64 * 1024;
/** What the first line of a file has at most, if it tells what is before. */
const BEGINNING = 64;
/** How often a log that is followed is looked at, in milliseconds. */
const PATIENCE = 20;
/** How often it is asked for then whether more will come. */
const TURNS = 5;

/** One file of a log. */
class LogFile implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #parser = new EntryParser();
  /** Which file it is, as long as it is open. */
  readonly number: number | null;
  /** How much of the log is before it; null where it is empty, and tells nothing yet. */
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

  /** Up to where the log was read by now. */
  get end(): number {
    return (this.before ?? 0) + this.#position;
  }

  /** What has come since, by the piece. */
  *pieces(): Generator<LogEntry[]> {
    const { size } = this.#file.statSync();
    if (size < this.#position) {
      // Half an entry is taken back on a full disk; else somebody has emptied it.
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
 * The file that comes after another one, or the first; null where none is yet.
 * Between two files of a log there is a moment without `log`.
 */
function fileAfter(path: string, file: LogFile | null): LogFile | null {
  // A file that is renamed between the two is found twice, and not missed.
  const newest = openLog(path);
  const older = openLog(`${path}.1`);
  const comesAfter = (next: LogFile | null): next is LogFile =>
    next !== null && next.before !== null && next.number !== file?.number &&
    (!file || next.before > (file.before ?? 0) ||
      // A keeper of before they told.
      next === newest && next.before === 0 && file.before === 0);
  const [found = null] = [older, newest].filter(comesAfter)
    .sort((a, b) => a.before! - b.before!);
  if (newest !== found) newest?.[Symbol.dispose]();
  if (older !== found) older?.[Symbol.dispose]();
  return found;
}

/** Files that are read before it counts as caught up with who writes fast. */
const FILES = 3;

/**
 * What is in the log of a container's directory, the oldest first and by the
 * piece.
 *
 * @param follow waits for more until this says that no more will come; of files
 * that were gone before they could be read, a word of ours says how much it was
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
        // What was written between the last look and its renaming.
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
  ownWord(
    `${count} bytes of the log are missing here: they were replaced before they were read`,
  );

/** What of a log is wanted. */
export interface LogWishes {
  /** RFC 3339, in UTC. */
  since?: string;
  until?: string;
  /** So many lines at the end. */
  tail?: number;
}

/** Those that are wanted: the last lines are known once all are read. */
export async function* wanted(
  pieces: AsyncIterable<LogEntry[] | "caught up">,
  { since, until, tail }: LogWishes,
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
    // The end of the line before the one that is taken.
    if (entries[at - 1]!.ended || at === entries.length) left--;
    if (left < 0) break;
    at--;
  }
  return entries.slice(at);
}
