/**
 * Writes a directory as a tar file: the changes of a container as a layer, or a
 * whole root filesystem for `export`. The same content gives the same bytes.
 * Runs in the process that unpacks, since only its IDs are those of the files.
 */

import { O } from "../../ffi/fcntl.ts";
import {
  close,
  openAt,
  S_IF,
  type Status,
  statusAt,
} from "../../ffi/files/files.ts";
import { readAttributes } from "./attribute_list.ts";
import {
  type ByteString,
  byteString,
  nameOf,
  splitPath,
} from "../tar/byte_string.ts";
import { linkTarget } from "./directories.ts";
import { LayerError, pathError, quoted } from "../tar/errors.ts";
import { contentOf, regionsOf } from "./file_content.ts";
import { isOpaque, isOwn, isWhiteout, NODE } from "./overlay_marks.ts";
import type { Entry, Kind } from "../tar/tar_format.ts";
import { dataSize, END, headerOf, padding } from "../tar/tar_writer.ts";
import { type Visited, walkTree } from "./walk_tree.ts";

/** What is written, and how. */
export interface PackOptions {
  /**
   * The directory is the upper one of an overlay: deletions and opaque
   * directories become `.wh.` names.
   */
  overlay?: boolean;
  /** Empty files that stand for devices become devices. */
  placeholders?: boolean;
  /** Changes the owner of each file, for a root filesystem with mapped IDs. */
  owner?(uid: number, gid: number): { uid: number; gid: number };
  /** What is left out. What is in such a directory is not. */
  skips?(path: ByteString): boolean;
  /** False for a directory whose content is left out. */
  enters?(path: ByteString): boolean;
  /** The name of the root in the archive. Default: none, so `./` and `a`. */
  as?: ByteString;
}

const KINDS = new Map<number, Kind>([
  [S_IF.regular, "file"],
  [S_IF.directory, "directory"],
  [S_IF.link, "symbolicLink"],
  [S_IF.character, "character"],
  [S_IF.block, "block"],
  [S_IF.fifo, "fifo"],
]);

const WHITEOUT = ".wh.";
const OPAQUE_NAME = ".wh..wh..opq";

/** Labels belong to the policy of a machine, not to an image. */
const LABEL = "security.selinux";

const SELF = nameOf("");

/** Small pieces are joined to this size. */
const CHUNK = 1 << 16;

/**
 * Writes a directory as a tar file, chunk by chunk, each directory in front of
 * what is in it, in the order of the names. Sockets are left out, as in docker.
 *
 * @throws LayerError if a file cannot be read, changes meanwhile, or has a name
 * that means a deletion
 */
export function* packTree(
  directory: string,
  options: PackOptions = {},
): Generator<Uint8Array<ArrayBuffer>> {
  yield* inChunks(
    piecesOf(walkTree(directory, options.enters), options),
  );
}

/**
 * Writes one file that is not a directory as a tar file.
 *
 * @param options.as its name in the archive
 * @throws LayerError as packTree()
 */
export function* packFile(
  { directory, name, status }: Pick<Visited, "directory" | "name" | "status">,
  options: PackOptions & { as: ByteString },
): Generator<Uint8Array<ArrayBuffer>> {
  const visited = { path: "", directory, name, status, fd: null };
  yield* inChunks(piecesOf([visited], options));
}

function* piecesOf(
  visits: Iterable<Visited>,
  options: PackOptions,
): Generator<Uint8Array<ArrayBuffer>> {
  /** The first path of each file that has more. */
  const links = new Map<string, ByteString>();
  for (const visited of visits) {
    const { path, status, fd } = visited;
    if (options.skips?.(path)) continue;
    if (options.overlay) {
      if (isWhiteout(status)) {
        yield headerOf(deletion(besideOf(path, WHITEOUT)));
        continue;
      }
      if (splitPath(path)[1].startsWith(WHITEOUT)) {
        throw new LayerError(
          `Cannot write ${
            quoted(path)
          } to a layer: its name means a deletion there`,
          { hint: "Rename or remove the file first." },
        );
      }
    }
    const kind = KINDS.get(status.mode & S_IF.mask);
    if (!kind) continue;
    if (kind !== "directory" && status.links > 1) {
      const key = `${status.on.major}:${status.on.minor}:${status.inode}`;
      const first = links.get(key);
      if (first !== undefined) {
        const entry = entryOf(visited, "hardLink", options);
        const link = entryName(first, options);
        yield headerOf({ ...entry, link, attributes: null });
        continue;
      }
      links.set(key, path);
    }
    if (kind === "file") yield* fileOf(visited, options);
    else yield headerOf(otherOf(visited, kind, options));
    if (options.overlay && fd !== null && isOpaque(fd)) {
      const name = path ? `${path}/${OPAQUE_NAME}` : OPAQUE_NAME;
      yield headerOf(deletion(name));
    }
  }
  yield END;
}

/** The path with something in front of its last part. */
function besideOf(path: ByteString, start: string): ByteString {
  const [directory, base] = splitPath(path);
  return directory ? `${directory}/${start}${base}` : `${start}${base}`;
}

/** The entry of a deletion: nothing but a name. */
const deletion = (name: ByteString): Entry => ({
  name,
  kind: "file",
  link: "",
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  modified: { seconds: 0, nanoseconds: 0 },
  device: { major: 0, minor: 0 },
  attributes: null,
  sparse: null,
});

/** The name of a path in the archive. */
const entryName = (path: ByteString, { as }: PackOptions): ByteString =>
  as === undefined ? path || "." : path ? `${as}/${path}` : as;

function entryOf(
  { path, status }: Visited,
  kind: Kind,
  options: PackOptions,
): Entry {
  const { uid, gid } = options.owner?.(status.uid, status.gid) ?? status;
  return {
    name: entryName(path, options),
    kind,
    link: "",
    mode: status.mode & 0o7777,
    uid,
    gid,
    size: 0,
    modified: status.modified,
    device: status.device,
    attributes: null,
    sparse: null,
  };
}

function otherOf(visited: Visited, kind: Kind, options: PackOptions): Entry {
  const { path, directory, name, fd } = visited;
  const place = fd ?? nameOf(`/proc/self/fd/${directory}/${name}`);
  const { attributes } = attributesOf(place, path);
  const link = kind === "symbolicLink" ? linkTarget(directory, name, path) : "";
  const entry = entryOf(visited, kind, options);
  const isDevice = kind === "character" || kind === "block";
  const device = isDevice ? entry.device : { major: 0, minor: 0 };
  return { ...entry, link, device, attributes };
}

/** Reads the attributes that belong to a file, and which device it stands for. */
function attributesOf(
  place: number | ReturnType<typeof nameOf>,
  path: ByteString,
): { attributes: Entry["attributes"]; node: ByteString | null } {
  const all = readAttributes(place);
  if (typeof all === "number") throw pathError("read", path, "listxattr", all);
  const node = all.get(NODE);
  for (const name of [...all.keys()]) {
    if (isOwn(name) || name === LABEL) all.delete(name);
  }
  return {
    attributes: all.size ? all : null,
    node: node ? byteString(node) : null,
  };
}

function* fileOf(
  visited: Visited,
  options: PackOptions,
): Generator<Uint8Array<ArrayBuffer>> {
  const { path } = visited;
  const fd = openFile(visited);
  if (fd === null) return;
  try {
    const { attributes, node } = attributesOf(fd, path);
    const entry: Entry = { ...entryOf(visited, "file", options), attributes };
    const device = options.placeholders && node ? deviceOf(node) : null;
    if (device) {
      yield headerOf({ ...entry, ...device });
      return;
    }
    entry.device = { major: 0, minor: 0 };
    entry.size = visited.status.size;
    entry.sparse = regionsOf(fd, entry.size, path);
    yield headerOf(entry);
    const whole = [{ offset: 0, length: entry.size }];
    yield* contentOf(fd, entry.sparse ?? whole, path);
    yield padding(dataSize(entry));
  } finally {
    close(fd);
  }
}

const PATH_ONLY = O.O_PATH | O.O_NOFOLLOW | O.O_CLOEXEC;

/**
 * Opens a regular file; null if it is gone. To open a device can have effects,
 * so the file is held by its path before it is known what it is.
 */
function openFile({ directory, name, path, status }: Visited): number | null {
  const held = openAt(directory, nameOf(name), PATH_ONLY);
  if (held < 0) return null;
  try {
    const now = statusAt(held, SELF);
    if (typeof now === "number" || !isSameFile(now, status)) return null;
    const place = nameOf(`/proc/self/fd/${held}`);
    const fd = openAt(held, place, O.O_RDONLY | O.O_NONBLOCK | O.O_CLOEXEC);
    if (fd < 0) throw pathError("open", path, "openat", fd);
    return fd;
  } finally {
    close(held);
  }
}

const isSameFile = (one: Status, other: Status): boolean =>
  one.inode === other.inode && one.mode === other.mode;

/** Reads what Attributes.placeholder() wrote. */
function deviceOf(node: ByteString): Pick<Entry, "kind" | "device"> | null {
  const found = /^([cb]) (\d{1,4}) (\d{1,7})$/.exec(node);
  return found && {
    kind: found[1] === "c" ? "character" : "block",
    device: { major: Number(found[2]), minor: Number(found[3]) },
  };
}

/** Joins small pieces, so the reader is not called for each header. */
function* inChunks(
  pieces: Iterable<Uint8Array<ArrayBuffer>>,
): Generator<Uint8Array<ArrayBuffer>> {
  let chunk = new Uint8Array(CHUNK);
  let filled = 0;
  for (const piece of pieces) {
    if (piece.length > CHUNK - filled && filled) {
      yield chunk.subarray(0, filled);
      chunk = new Uint8Array(CHUNK);
      filled = 0;
    }
    if (piece.length >= CHUNK) yield piece;
    else {
      chunk.set(piece, filled);
      filled += piece.length;
    }
  }
  if (filled) yield chunk.subarray(0, filled);
}
