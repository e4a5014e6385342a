/**
 * Files that the compiled program carries, between Deno's runtime and what
 * `deno compile` adds to it. Runs on the host, and as PID 1 before the root
 * changes.
 *
 * `deno compile --include` is for that too, but what it adds is read into memory
 * at every start, all of it and twice: more than a millisecond for each
 * megabyte, whether or not anybody wants it.
 */

/** What `deno compile` adds ends so: a mark, a hash, and its length with these. */
export const TRAILER = { size: 16, mark: 0x501e, length: 8 } as const;

/** What is carried ends so: the length of its directory, and a mark. */
export const CARRIED = { size: 16, mark: 0x7272_6163, length: 8 } as const;

/** By name: where a file begins in the program, and how long it is. */
export type Directory = Record<string, [offset: number, length: number]>;

/** Where what `deno compile` added begins; null where that cannot be told. */
export function endOfRuntime(trailer: DataView, size: number): number | null {
  if (trailer.getUint32(0, true) !== TRAILER.mark) return null;
  const length = Number(trailer.getBigUint64(TRAILER.length, true));
  return length < size ? size - length : null;
}

/** Opens the program that runs: whatever its path leads to by now. */
const open = () => Deno.openSync("/proc/self/exe");

let known: Directory | undefined;

function readDirectory(file: Deno.FsFile): Directory {
  const size = file.seekSync(-TRAILER.size, Deno.SeekMode.End) + TRAILER.size;
  const end = endOfRuntime(view(read(file, TRAILER.size)), size);
  if (end === null || end < CARRIED.size) return {};
  file.seekSync(end - CARRIED.size, Deno.SeekMode.Start);
  const mark = view(read(file, CARRIED.size));
  const length = Number(mark.getBigUint64(CARRIED.length, true));
  if (mark.getUint32(0, true) !== CARRIED.mark || length > end) {
    return {};
  }
  file.seekSync(end - CARRIED.size - length, Deno.SeekMode.Start);
  const text = new TextDecoder().decode(read(file, length));
  return JSON.parse(text);
}

/** A file that the program carries; null where it carries none of this name. */
export function carried(name: string): Uint8Array<ArrayBuffer> | null {
  if (!Deno.build.standalone) return null;
  // Closed each time: PID 1 holds no file of the host.
  using file = open();
  const place = (known ??= readDirectory(file))[name];
  if (!place) return included(name);
  const [offset, length] = place;
  file.seekSync(offset, Deno.SeekMode.Start);
  return read(file, length);
}

/** The same where it was built with `--include`: beside its main module. */
function included(name: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Deno.readFileSync(new URL(name, Deno.mainModule));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

const view = (bytes: Uint8Array<ArrayBuffer>) => new DataView(bytes.buffer);

function read(file: Deno.FsFile, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = file.readSync(bytes.subarray(at));
    if (count === null) throw new TypeError("This program has been cut short");
    at += count;
  }
  return bytes;
}
