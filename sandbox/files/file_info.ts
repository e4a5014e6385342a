/** What stat says about a file of a sandbox. Pure. */

/** Information about a file. */
export interface FileInfo {
  /** Whether it is a regular file. */
  isFile: boolean;
  /** Whether it is a directory. */
  isDirectory: boolean;
  /** Whether it is a symbolic link. */
  isSymlink: boolean;
  /** Its size in bytes. */
  size: number;
  /** When its content was last changed. */
  mtime: Date;
  /** When it was last read. */
  atime: Date;
  /** When it was made; the epoch if the file system does not know. */
  birthtime: Date;
  /** When it was last changed in any way. */
  ctime: Date;
  /** The device that it is on. */
  dev: number;
  /** Its inode number. */
  ino: number;
  /** Its type and permissions, inode(7). */
  mode: number;
  /** How many names it has. */
  nlink: number;
  /** Its owner, as an ID of the sandbox. */
  uid: number;
  /** Its group, as an ID of the sandbox. */
  gid: number;
  /** The device that it stands for. */
  rdev: number;
  /** The best size for reading and writing. */
  blksize: number;
  /** How many blocks of 512 bytes it takes. */
  blocks: number;
  /** Whether it is a block device. */
  isBlockDevice: boolean;
  /** Whether it is a character device. */
  isCharDevice: boolean;
  /** Whether it is a FIFO. */
  isFifo: boolean;
  /** Whether it is a socket. */
  isSocket: boolean;
}

/** The size of struct statx. */
export const STATX_SIZE = 256;
/** STATX_BASIC_STATS and STATX_BTIME. */
export const STATX_ALL = 0xfff;

const TYPE = {
  fifo: 0x1000,
  charDevice: 0x2000,
  directory: 0x4000,
  blockDevice: 0x6000,
  file: 0x8000,
  symlink: 0xa000,
  socket: 0xc000,
} as const;

/** makedev(3). */
const device = (major: number, minor: number) =>
  (minor & 0xff) + (major & 0xfff) * 0x100 +
  Math.floor(minor / 0x100) * 0x100000;

/** The parts of struct statx, statx(2). */
export function parseStatx(bytes: Uint8Array): FileInfo {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (at: number) => view.getUint32(at, true);
  const long = (at: number) => Number(view.getBigUint64(at, true));
  const time = (at: number) =>
    new Date(
      Number(view.getBigInt64(at, true)) * 1000 +
        Math.floor(word(at + 8) / 1e6),
    );
  const mode = view.getUint16(28, true);
  const type = mode & 0xf000;
  return {
    isFile: type === TYPE.file,
    isDirectory: type === TYPE.directory,
    isSymlink: type === TYPE.symlink,
    size: long(40),
    mtime: time(112),
    atime: time(64),
    birthtime: time(80),
    ctime: time(96),
    dev: device(word(136), word(140)),
    ino: long(32),
    mode,
    nlink: word(16),
    uid: word(20),
    gid: word(24),
    rdev: device(word(128), word(132)),
    blksize: word(4),
    blocks: long(48),
    isBlockDevice: type === TYPE.blockDevice,
    isCharDevice: type === TYPE.charDevice,
    isFifo: type === TYPE.fifo,
    isSocket: type === TYPE.socket,
  };
}

/** One entry of a directory. */
export interface DirEntry {
  /** Its name, without the directory. */
  name: string;
  /** Whether it is a regular file. */
  isFile: boolean;
  /** Whether it is a directory. */
  isDirectory: boolean;
  /** Whether it is a symbolic link. */
  isSymlink: boolean;
}

/** A name and its type as getdents64(2) tells it; 0 if it does not know. */
export interface RawEntry {
  name: Uint8Array;
  type: number;
}

/**
 * The entries of a buffer of getdents64(2), without `.` and `..`. A name that no
 * file can have ends it: the file system is not to be trusted.
 */
export function* parseEntries(bytes: Uint8Array): Generator<RawEntry> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 19 < bytes.length;) {
    const length = view.getUint16(at + 16, true);
    if (length < 20 || at + length > bytes.length) return;
    const field = bytes.subarray(at + 19, at + length);
    const name = field.subarray(0, field.indexOf(0));
    if (!name.length || name.includes(SLASH)) return;
    const isDots = name.every((byte) => byte === DOT) && name.length < 3;
    if (!isDots) yield { name, type: view.getUint8(at + 18) };
    at += length;
  }
}

const SLASH = 0x2f;
const DOT = 0x2e;

/** DT_DIR, DT_REG and DT_LNK. */
export const ENTRY = { directory: 4, file: 8, symlink: 10 } as const;
