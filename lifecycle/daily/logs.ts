/**
 * Reading what a keeper has kept, launch/keeper.c. Runs on the host; reads and
 * changes nothing.
 */

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
const BUFFER = 64 * 1024;
/** How often a log that is followed is looked at, in milliseconds. */
const PATIENCE = 100;

/** A line of the log; null for what is none. */
export function parseEntry(line: Uint8Array): LogEntry | null {
  const first = line.indexOf(SPACE);
  const second = line.indexOf(SPACE, first + 1);
  if (first < 0 || second < 0 || line[second + 2] !== SPACE) return null;
  const word = (from: number, to: number) =>
    new TextDecoder().decode(line.subarray(from, to));
  const stream = word(first + 1, second);
  if (stream !== "stdout" && stream !== "stderr" && stream !== "keeper") {
    return null;
  }
  return {
    time: word(0, first),
    stream,
    ended: line[second + 1] === "F".charCodeAt(0),
    text: line.subarray(second + 3),
  };
}

/** One file of a log, and what of it has not made a line yet. */
class LogFile implements Disposable {
  readonly #file: Deno.FsFile;
  #rest = new Uint8Array();

  constructor(path: string) {
    this.#file = Deno.openSync(path);
  }

  get number(): number | null {
    return this.#file.statSync().ino;
  }

  /** What has come since. */
  *entries(): Generator<LogEntry> {
    const buffer = new Uint8Array(BUFFER);
    for (let count; (count = this.#file.readSync(buffer));) {
      const bytes = new Uint8Array(this.#rest.length + count);
      bytes.set(this.#rest);
      bytes.set(buffer.subarray(0, count), this.#rest.length);
      let from = 0;
      for (let to; (to = bytes.indexOf(LF, from)) >= 0; from = to + 1) {
        const entry = parseEntry(bytes.subarray(from, to));
        if (entry) yield entry;
      }
      this.#rest = bytes.slice(from);
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
 * What is in the log of a container's directory, the oldest first.
 *
 * @param follow waits for more until this says that no more will come
 * @param patience how often it is looked at then, in milliseconds
 */
export async function* readLog(
  directory: string,
  follow?: () => boolean,
  patience = PATIENCE,
): AsyncGenerator<LogEntry | "caught up"> {
  const path = `${directory}/log`;
  let file = openLog(path);
  try {
    // It may become the older one between the two.
    using older = openLog(`${path}.1`);
    if (older && older.number !== file?.number) yield* older.entries();
    if (file) yield* file.entries();
    yield "caught up";
    while (follow) {
      const last = follow();
      if (file) yield* file.entries();
      const next: LogFile | null = openLog(path);
      if (next && next.number !== file?.number) {
        // What was written between the last look and its renaming.
        if (file) yield* file.entries();
        file?.[Symbol.dispose]();
        file = next;
        continue;
      }
      next?.[Symbol.dispose]();
      if (last) return;
      await new Promise((resolve) => setTimeout(resolve, patience));
    }
  } finally {
    file?.[Symbol.dispose]();
  }
}

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
  entries: AsyncIterable<LogEntry | "caught up">,
  { since, until, tail }: LogWishes,
): AsyncGenerator<LogEntry> {
  let last: LogEntry[] | null = tail === undefined ? null : [];
  for await (const entry of entries) {
    if (entry === "caught up") {
      yield* last ? lastLines(last, tail!) : [];
      last = null;
      continue;
    }
    if (since !== undefined && entry.time < since) continue;
    if (until !== undefined && entry.time > until) {
      yield* last ? lastLines(last, tail!) : [];
      return;
    }
    if (last) last.push(copyOf(entry));
    else yield entry;
  }
}

/** Its bytes are those of a buffer that is used again. */
const copyOf = (entry: LogEntry): LogEntry => ({
  ...entry,
  text: entry.text.slice(),
});

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
