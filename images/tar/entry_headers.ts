/**
 * From the headers of an entry to what it is: the fields of its own header,
 * changed by the extended headers in front of it. Pure.
 */

import { type ByteString, byteString, fieldString } from "./byte_string.ts";
import { attributesIn, type PaxRecords } from "./pax.ts";
import { mapInRecords, oldRegions } from "./sparse.ts";
import {
  decimal,
  type Entry,
  FIELD,
  type Kind,
  numberIn,
  paxTime,
  type Region,
  TYPE,
} from "./tar_format.ts";

/** Where the map of a sparse file is. */
export type SparseMap =
  | { where: "header"; regions: Region[]; more: boolean }
  /** In front of the data. */
  | { where: "data" };

/** An entry, and what follows its header. */
export interface EntryHeader {
  /** null for a header that is not about a file. */
  entry: Entry | null;
  /** The bytes that follow in the archive. */
  stored: number;
  sparse: SparseMap | null;
  /** Why no layer can have this entry. */
  refused?: string;
}

const KINDS: Readonly<Record<string, Kind>> = {
  [TYPE.regular]: "file",
  [TYPE.regularOld]: "file",
  [TYPE.contiguous]: "file",
  [TYPE.gnuSparse]: "file",
  [TYPE.hardLink]: "hardLink",
  [TYPE.symbolicLink]: "symbolicLink",
  [TYPE.character]: "character",
  [TYPE.block]: "block",
  [TYPE.directory]: "directory",
  [TYPE.gnuDirectory]: "directory",
  [TYPE.fifo]: "fifo",
};

/** Global headers stay in memory, so their number must be limited. */
const MOST_GLOBAL_BYTES = 1 << 20;

/** The largest ID; the next number means "no change" to chown(2). */
const MOST_ID = 0xffff_fffe;

const GNU_MAGIC = "ustar  \0";

/** The extended headers that are in force. */
export class EntryHeaders {
  gnuName: ByteString | null = null;
  gnuLink: ByteString | null = null;
  local: PaxRecords | null = null;
  #global: PaxRecords | null = null;
  #globalBytes = 0;

  /** A header waits for its entry. */
  get pending(): boolean {
    return this.gnuName !== null || this.gnuLink !== null ||
      this.local !== null;
  }

  /** Adds records for all following entries. Returns the fault. */
  addGlobal(records: PaxRecords): string | null {
    this.#global ??= new Map();
    for (const [key, value] of records) {
      this.#globalBytes += key.length + value.length;
      this.#global.set(key, value);
    }
    return this.#globalBytes > MOST_GLOBAL_BYTES
      ? "its global extended headers are too long"
      : null;
  }

  /** Reads a header, and forgets what was only for it. Returns the fault. */
  entryOf(type: string, block: Uint8Array, at: number): EntryHeader | string {
    const { gnuName, gnuLink } = this;
    const records = this.#records();
    this.gnuName = this.gnuLink = this.local = null;
    const fields = fieldsIn(block, at);
    if (typeof fields === "string") return fields;
    const text = (key: string) => {
      const value = records?.get(key);
      return value?.length ? byteString(value) : undefined;
    };
    const name = gnuName ?? text("path") ?? fields.name;
    const link = gnuLink ?? text("linkpath") ?? fields.link;
    const number = (key: string, field: number) => {
      const value = text(key);
      return value === undefined ? field : decimal(value);
    };
    const uid = number("uid", fields.uid);
    const gid = number("gid", fields.gid);
    const size = number("size", fields.size);
    const time = text("mtime");
    const modified = time === undefined
      ? { seconds: fields.mtime, nanoseconds: 0 }
      : paxTime(time);
    if (uid === null || gid === null || size === null || !modified) {
      return "a number in an extended header is malformed";
    }
    if (size < 0 || size === Infinity) return "the size of an entry is wrong";
    const kind = type === TYPE.regularOld && name.endsWith("/")
      ? "directory"
      : KINDS[type];
    if (!kind && type === TYPE.gnuVolume) {
      return { entry: null, stored: size, sparse: null };
    }
    const entry: Entry = {
      name,
      kind: kind ?? "file",
      link,
      mode: fields.mode & 0o7777,
      uid,
      gid,
      size,
      modified,
      device: deviceIn(kind, block, at),
      attributes: records && attributesIn(records),
      sparse: null,
    };
    if (!kind) {
      const refused = `its type ${JSON.stringify(type)} is not a kind of file`;
      return { entry, stored: 0, sparse: null, refused };
    }
    if (!(uid >= 0 && uid <= MOST_ID && gid >= 0 && gid <= MOST_ID)) {
      const refused = `no user can have the ID ${uid}:${gid}`;
      return { entry, stored: 0, sparse: null, refused };
    }
    // Only files have data, whatever the header says, except GNU's directories.
    if (kind !== "file") {
      const stored = type === TYPE.gnuDirectory ? size : 0;
      return { entry: { ...entry, size: 0 }, stored, sparse: null };
    }
    const sparse = sparseIn(type, records, entry, block, at);
    if (typeof sparse === "string") return sparse;
    return { entry, stored: size, sparse };
  }

  #records(): PaxRecords | null {
    if (!this.#global || !this.local) return this.local ?? this.#global;
    return new Map([...this.#global, ...this.local]);
  }
}

interface Fields {
  name: ByteString;
  link: ByteString;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
}

/** Reads the fields that every header has. Returns the fault. */
function fieldsIn(block: Uint8Array, at: number): Fields | string {
  const field = (
    [start, length]: readonly [number, number],
  ) => fieldString(block, at + start, length);
  const number = (
    [start, length]: readonly [number, number],
  ) => numberIn(block, at + start, length);
  const mode = number(FIELD.mode);
  const uid = number(FIELD.uid);
  const gid = number(FIELD.gid);
  const size = number(FIELD.size);
  const mtime = number(FIELD.mtime);
  if (
    mode === null || uid === null || gid === null || size === null ||
    mtime === null || !Number.isFinite(mode) || !Number.isFinite(mtime)
  ) {
    return "a number in a header is malformed";
  }
  const [magicAt, magicLength] = FIELD.magic;
  const magic = byteString(
    block,
    at + magicAt,
    at + magicAt + magicLength,
  );
  // GNU's own format has other fields there, V7 has nothing.
  const prefix = magic === GNU_MAGIC || !magic.startsWith("ustar")
    ? ""
    : field(field(FIELD.starMagic) === "tar" ? FIELD.starPrefix : FIELD.prefix);
  const name = field(FIELD.name);
  return {
    name: prefix ? `${prefix}/${name}` : name,
    link: field(FIELD.link),
    mode,
    uid,
    gid,
    size,
    mtime,
  };
}

function deviceIn(
  kind: Kind | undefined,
  block: Uint8Array,
  at: number,
): { major: number; minor: number } {
  if (kind !== "character" && kind !== "block") return { major: 0, minor: 0 };
  const number = ([start, length]: readonly [number, number]) =>
    numberIn(block, at + start, length) ?? 0;
  return { major: number(FIELD.major), minor: number(FIELD.minor) };
}

/** Finds a sparse file's map, and sets its name and size. Returns the fault. */
function sparseIn(
  type: string,
  records: PaxRecords | null,
  entry: Entry,
  block: Uint8Array,
  at: number,
): SparseMap | string | null {
  if (type === TYPE.gnuSparse) {
    const [start, length] = FIELD.sparseSize;
    const size = numberIn(block, at + start, length);
    const found = oldRegions(block, at);
    if (typeof found === "string") return found;
    if (size === null || size < 0 || size === Infinity) {
      return "the size of an entry is wrong";
    }
    entry.size = size;
    return { where: "header", ...found };
  }
  if (!records) return null;
  const text = (key: string) => {
    const value = records.get(key);
    return value?.length ? byteString(value) : undefined;
  };
  const version = `${text("GNU.sparse.major") ?? ""}.${
    text("GNU.sparse.minor") ?? ""
  }`;
  const map = mapInRecords(records);
  const inData = version === "1.0";
  if (!inData && map === null) return null;
  if (typeof map === "string") return map;
  const size = text("GNU.sparse.realsize") ?? text("GNU.sparse.size");
  const real = size === undefined ? entry.size : decimal(size);
  if (real === null) return "the size of an entry is wrong";
  entry.size = real;
  entry.name = text("GNU.sparse.name") ?? entry.name;
  return inData
    ? { where: "data" }
    : { where: "header", regions: map ?? [], more: false };
}
