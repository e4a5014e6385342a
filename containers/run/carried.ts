/**
 * Reads files that are embedded in the compiled program, between Deno's runtime
 * and the part that `deno compile` appends. Only reads; changes nothing. Runs
 * on the host, and in PID 1 before the root changes.
 *
 * `deno compile --include` would embed files too, but Deno reads those into
 * memory at every start, completely and twice. That costs more than a
 * millisecond per megabyte, even if nobody needs the file.
 */

/**
 * The end of the part that `deno compile` appends: a mark, a hash, and the
 * length including these 16 bytes.
 */
export const TRAILER = { size: 16, mark: 0x501e, length: 8 } as const;

/** The end of the embedded part: a mark and the length of its directory. */
export const CARRIED = { size: 16, mark: 0x7272_6163, length: 8 } as const;

/** For each name, where the file starts in the program and how long it is. */
export type Directory = Record<string, [offset: number, length: number]>;

/**
 * Where the part appended by `deno compile` begins; null if the trailer is
 * unknown.
 */
export function endOfRuntime(trailer: DataView, size: number): number | null {
  if (trailer.getUint32(0, true) !== TRAILER.mark) return null;
  const length = Number(trailer.getBigUint64(TRAILER.length, true));
  return length < size ? size - length : null;
}

/** Opens the running program, even if its path now names another file. */
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

/** An embedded file; null if there is none of this name. */
export function carried(name: string): Uint8Array<ArrayBuffer> | null {
  if (!Deno.build.standalone) return null;
  // Closed each time: PID 1 must not keep a file of the host open.
  using file = open();
  const place = (known ??= readDirectory(file))[name];
  if (!place) return included(name);
  const [offset, length] = place;
  file.seekSync(offset, Deno.SeekMode.Start);
  return read(file, length);
}

/** The same for a program built with `--include`: next to its main module. */
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
    if (count === null) throw new TypeError("This program file is truncated");
    at += count;
  }
  return bytes;
}
