/**
 * Writes the headers of a tar file, the same bytes for the same entries: no
 * clock, no names of users, nothing of this machine. ustar, with pax records for
 * what does not fit. Pure.
 */

import {
  bytesOf,
  type ByteString,
  byteString,
  splitPath,
} from "./byte_string.ts";
import { record, XATTR } from "./pax.ts";
import {
  BLOCK,
  type Entry,
  FIELD,
  type Kind,
  paddingOf,
  type Region,
  TYPE,
} from "./tar_format.ts";

const TYPES: Readonly<Record<Kind, string>> = {
  file: TYPE.regular,
  hardLink: TYPE.hardLink,
  symbolicLink: TYPE.symbolicLink,
  character: TYPE.character,
  block: TYPE.block,
  directory: TYPE.directory,
  fifo: TYPE.fifo,
};

/** Where the fields of a ustar header have their version. */
const MAGIC = "ustar\0" + "00";

/** The blocks that end an archive. */
export const END: Uint8Array<ArrayBuffer> = new Uint8Array(2 * BLOCK);

/** The zeros after the data of an entry. */
export const padding = (size: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(paddingOf(size));

type Field = readonly [offset: number, length: number];

/** A number fits in octal digits and a NUL. */
const fits = (value: number, [, length]: Field) =>
  Number.isInteger(value) && value >= 0 && value < 8 ** (length - 1);

/** Only these bytes mean the same in every program without a pax record. */
const isPlain = (text: ByteString) => /^[^\x80-\xff]*$/.test(text);

/**
 * Divides a path for the two name fields of ustar; null if it does not fit.
 */
function ustarName(
  name: ByteString,
): { prefix: ByteString; name: ByteString } | null {
  if (!isPlain(name)) return null;
  if (name.length <= FIELD.name[1]) return { prefix: "", name };
  // The last slash may end the name of a directory.
  const from = Math.max(0, name.length - 1 - FIELD.name[1]);
  const slash = name.indexOf("/", from);
  return slash <= 0 || slash > FIELD.prefix[1] || slash === name.length - 1
    ? null
    : { prefix: name.slice(0, slash), name: name.slice(slash + 1) };
}

/** The map of a sparse file in GNU's format 1.0, in front of its data. */
function mapOf(regions: readonly Region[]): Uint8Array<ArrayBuffer> {
  const numbers = [
    regions.length,
    ...regions.flatMap(({ offset, length }) => [offset, length]),
  ];
  const text = numbers.map((number) => `${number}\n`).join("");
  const map = new Uint8Array(text.length + paddingOf(text.length));
  map.set(bytesOf(text));
  return map;
}

/** The number of bytes of an entry's data in the archive, without the map. */
export const dataSize = ({ kind, size, sparse }: Entry): number =>
  kind !== "file"
    ? 0
    : sparse
    ? sparse.reduce((sum, { length }) => sum + length, 0)
    : size;

/**
 * The bytes in front of an entry's data. The data and its padding() follow. The
 * name of a directory gets its slash here.
 */
export function headerOf(entry: Entry): Uint8Array<ArrayBuffer> {
  const { kind, link, modified, sparse } = entry;
  const name = kind === "directory" ? `${entry.name}/` : entry.name;
  const map = kind === "file" && sparse ? mapOf(sparse) : null;
  const size = dataSize(entry) + (map?.length ?? 0);
  const records = new Map<ByteString, ByteString>();
  let short = ustarName(name);
  if (map) {
    const [directory, base] = splitPath(name);
    records.set("GNU.sparse.major", "1");
    records.set("GNU.sparse.minor", "0");
    records.set("GNU.sparse.name", name);
    records.set("GNU.sparse.realsize", String(entry.size));
    const shown = `${directory || "."}/GNUSparseFile.0/${base}`;
    short = ustarName(shown);
    if (!short) records.set("path", shown);
  } else if (!short) records.set("path", name);
  const linkFits = link.length <= FIELD.link[1] && isPlain(link);
  if (!linkFits) records.set("linkpath", link);
  for (const id of ["uid", "gid"] as const) {
    if (!fits(entry[id], FIELD[id])) records.set(id, String(entry[id]));
  }
  if (!fits(size, FIELD.size)) records.set("size", String(size));
  if (modified.nanoseconds || !fits(modified.seconds, FIELD.mtime)) {
    records.set("mtime", timeText(modified));
  }
  for (const [key, value] of entry.attributes ?? []) {
    records.set(XATTR + key, byteString(value));
  }
  // POSIX takes the values for UTF-8 otherwise, and bsdtar refuses them.
  const isBinary = [...records].some(([key, value]) =>
    !key.startsWith(XATTR) && !isText(value)
  );
  if (isBinary) records.set("hdrcharset", "BINARY");
  const block = headerBlock(
    {
      ...entry,
      name: short?.name ?? asciiOf(name).slice(0, FIELD.name[1]),
      link: linkFits ? link : asciiOf(link).slice(0, FIELD.link[1]),
      size,
    },
    TYPES[kind],
    short?.prefix ?? "",
  );
  return joined(
    ...(records.size ? paxBlocks(name, records) : []),
    block,
    ...(map ? [map] : []),
  );
}

function isText(text: ByteString): boolean {
  if (isPlain(text)) return true;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(text));
    return true;
  } catch {
    return false;
  }
}

/** For programs that do not know pax. */
const asciiOf = (text: ByteString) => text.replace(/[\x80-\xff]/g, "_");

function timeText({ seconds, nanoseconds }: Entry["modified"]): string {
  if (!nanoseconds) return String(seconds);
  // 0.75 s after -2 is -1.25.
  const isNegative = seconds < 0;
  const whole = isNegative ? -(seconds + 1) : seconds;
  const fraction = isNegative ? 1e9 - nanoseconds : nanoseconds;
  const digits = String(fraction).padStart(9, "0").replace(/0+$/, "");
  return `${isNegative ? "-" : ""}${whole}.${digits}`;
}

function paxBlocks(
  name: ByteString,
  records: ReadonlyMap<ByteString, ByteString>,
): Uint8Array<ArrayBuffer>[] {
  const text = [...records]
    .sort(([one], [other]) => one < other ? -1 : 1)
    .map(([key, value]) => record(key, value)).join("");
  const [, base] = splitPath(name.replace(/\/$/, ""));
  const header = headerBlock(
    {
      name: `PaxHeaders.0/${asciiOf(base)}`.slice(0, FIELD.name[1]),
      link: "",
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: text.length,
      modified: { seconds: 0, nanoseconds: 0 },
      device: { major: 0, minor: 0 },
    },
    TYPE.pax,
    "",
  );
  return [header, bytesOf(text), padding(text.length)];
}

function headerBlock(
  { name, link, mode, uid, gid, size, modified, device }: Pick<
    Entry,
    "name" | "link" | "mode" | "uid" | "gid" | "size" | "modified" | "device"
  >,
  type: string,
  prefix: ByteString,
): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const put = ([at]: Field, text: ByteString) => block.set(bytesOf(text), at);
  // A number that is in a pax record instead is 0 here.
  const number = (field: Field, value: number) =>
    put(
      field,
      (fits(value, field) ? value : 0).toString(8)
        .padStart(field[1] - 1, "0"),
    );
  put(FIELD.name, name);
  number(FIELD.mode, mode);
  number(FIELD.uid, uid);
  number(FIELD.gid, gid);
  number(FIELD.size, size);
  number(FIELD.mtime, modified.seconds);
  put(FIELD.type, type);
  put(FIELD.link, link);
  put(FIELD.magic, MAGIC);
  number(FIELD.major, device.major);
  number(FIELD.minor, device.minor);
  put(FIELD.prefix, prefix);
  put(FIELD.checksum, " ".repeat(FIELD.checksum[1]));
  const sum = block.reduce((sum, byte) => sum + byte, 0);
  put(FIELD.checksum, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** Bytes one after the other. */
export function joined(
  ...parts: readonly Uint8Array[]
): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
