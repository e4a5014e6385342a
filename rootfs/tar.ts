/**
 * Writes and reads ustar archives of regular files, directories and symlinks,
 * which `tar tf` can list. The reader is strict: it refuses the whole archive
 * if there is any other kind of entry, or a name that leads out of the
 * directory. Pure.
 *
 * @module
 */
import { RootfsError } from "./errors.ts";

/** One entry of an archive. Owner and time are not stored. */
export type TarEntry =
  & { readonly name: string; readonly mode: number }
  & (
    | { readonly kind: "directory" }
    | { readonly kind: "file"; readonly data: Uint8Array }
    | { readonly kind: "symlink"; readonly target: string }
  );

const BLOCK = 512;
const TYPE_FLAGS = { file: "0", symlink: "2", directory: "5" } as const;

/** Header fields as [offset, length], from POSIX ustar. */
const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  link: [157, 100],
  magic: [257, 6],
  version: [263, 2],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Archives entries in the given order. The same entries always give the same
 * bytes.
 *
 * @throws {RootfsError} for an entry that ustar cannot represent
 */
export function writeTar(entries: readonly TarEntry[]): Uint8Array {
  checkEntries(entries);
  const sizes = entries.map((entry) =>
    BLOCK + (entry.kind === "file" ? roundUp(entry.data.length) : 0)
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  // Two zero blocks end an archive.
  const archive = new Uint8Array(total + 2 * BLOCK);
  let at = 0;
  entries.forEach((entry, i) => {
    archive.set(header(entry), at);
    if (entry.kind === "file") archive.set(entry.data, at + BLOCK);
    at += sizes[i]!;
  });
  return archive;
}

/**
 * Reads an archive. The data of files are views into it, not copies.
 *
 * @throws {RootfsError} for an archive that is damaged or has other entries
 */
export function readTar(archive: Uint8Array): TarEntry[] {
  const entries: TarEntry[] = [];
  let at = 0;
  while (true) {
    const block = archive.subarray(at, at + BLOCK);
    if (block.length < BLOCK) throw bad("it is truncated");
    if (block.every((byte) => byte === 0)) break;
    const { entry, size } = readHeader(block);
    at += BLOCK;
    if (entry.kind === "file") {
      if (at + size > archive.length) throw bad("it is truncated");
      entries.push({ ...entry, data: archive.subarray(at, at + size) });
    } else {
      if (size !== 0) throw bad(`${entry.name} has data but is not a file`);
      entries.push(entry);
    }
    at += roundUp(size);
  }
  checkEntries(entries);
  return entries;
}

function header(entry: TarEntry): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (field: keyof typeof FIELD, bytes: Uint8Array) => {
    const [offset, length] = FIELD[field];
    if (bytes.length > length) {
      throw bad(`${entry.name}: its ${field} is too long for a ustar archive`);
    }
    block.set(bytes, offset);
  };
  const octal = (field: keyof typeof FIELD, value: number) => {
    const digits = FIELD[field][1] - 1;
    put(field, encoder.encode(value.toString(8).padStart(digits, "0") + "\0"));
  };
  const { name, prefix } = splitName(
    entry.kind === "directory" ? entry.name + "/" : entry.name,
  );
  put("name", name);
  put("prefix", prefix);
  octal("mode", entry.mode);
  octal("uid", 0);
  octal("gid", 0);
  octal("size", entry.kind === "file" ? entry.data.length : 0);
  octal("mtime", 0);
  put("type", encoder.encode(TYPE_FLAGS[entry.kind]));
  if (entry.kind === "symlink") put("link", encoder.encode(entry.target));
  put("magic", encoder.encode("ustar\0"));
  put("version", encoder.encode("00"));
  put(
    "checksum",
    encoder.encode(checksum(block).toString(8).padStart(6, "0") + "\0 "),
  );
  return block;
}

function readHeader(block: Uint8Array): { entry: TarEntry; size: number } {
  const raw = (field: keyof typeof FIELD) => {
    const [offset, length] = FIELD[field];
    return block.subarray(offset, offset + length);
  };
  const text = (field: keyof typeof FIELD) => {
    const bytes = raw(field);
    const end = bytes.indexOf(0);
    try {
      return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
    } catch {
      throw bad(`a ${field} is not UTF-8`);
    }
  };
  const octal = (field: keyof typeof FIELD) => {
    const digits = text(field).trim();
    if (!/^[0-7]+$/.test(digits)) throw bad(`a ${field} is not a number`);
    return parseInt(digits, 8);
  };
  if (text("magic") !== "ustar") throw bad("it is not a ustar archive");
  if (octal("checksum") !== checksum(block)) {
    throw bad("a header's checksum is wrong");
  }
  const prefix = text("prefix");
  const name = (prefix === "" ? "" : prefix + "/") + text("name");
  const mode = octal("mode");
  const size = octal("size");
  const type = text("type");
  switch (type) {
    case "":
    case TYPE_FLAGS.file:
      return { entry: { name, mode, kind: "file", data: block }, size };
    case TYPE_FLAGS.symlink:
      return {
        entry: { name, mode, kind: "symlink", target: text("link") },
        size,
      };
    case TYPE_FLAGS.directory:
      return {
        entry: { name: name.replace(/\/$/, ""), mode, kind: "directory" },
        size,
      };
    default:
      throw bad(
        `${name} has type ${
          JSON.stringify(type)
        }, not a file, directory or symlink`,
      );
  }
}

/**
 * Refuses entries that would be unpacked outside the directory: names with
 * `..`, and names below a symlink. Every parent must be an entry of its own.
 */
function checkEntries(entries: readonly TarEntry[]): void {
  const kinds = new Map<string, TarEntry["kind"]>();
  for (const entry of entries) {
    const shown = JSON.stringify(entry.name);
    const parts = entry.name.split("/");
    if (
      entry.name.includes("\0") ||
      parts.some((part) => part === "" || part === "." || part === "..")
    ) throw bad(`the name ${shown} is not plain and relative`);
    if (kinds.has(entry.name)) throw bad(`the name ${shown} occurs twice`);
    const parent = parts.slice(0, -1).join("/");
    if (parent !== "" && kinds.get(parent) !== "directory") {
      throw bad(`the directory of ${shown} is missing before it`);
    }
    if (entry.mode < 0 || entry.mode > 0o7777) {
      throw bad(`${shown} has an invalid mode`);
    }
    if (
      entry.kind === "symlink" &&
      (entry.target === "" || entry.target.includes("\0"))
    ) throw bad(`the target of the link ${shown} is missing`);
    kinds.set(entry.name, entry.kind);
  }
}

/** Splits a long name at a slash into prefix and name. */
function splitName(name: string): { name: Uint8Array; prefix: Uint8Array } {
  const bytes = encoder.encode(name);
  if (bytes.length <= FIELD.name[1]) {
    return { name: bytes, prefix: new Uint8Array() };
  }
  for (let cut = 0; cut < bytes.length - 1; cut++) {
    if (bytes[cut] !== 0x2f || bytes.length - cut - 1 > FIELD.name[1]) continue;
    if (cut > FIELD.prefix[1]) break;
    return { name: bytes.subarray(cut + 1), prefix: bytes.subarray(0, cut) };
  }
  throw bad(`the name ${name} is too long for a ustar archive`);
}

/** The sum of the header's bytes, with spaces in the checksum field. */
function checksum(block: Uint8Array): number {
  const [offset, length] = FIELD.checksum;
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) {
    sum += i >= offset && i < offset + length ? 0x20 : block[i]!;
  }
  return sum;
}

function roundUp(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

function bad(cause: string): RootfsError {
  return new RootfsError(`Cannot use the archive: ${cause}`);
}
