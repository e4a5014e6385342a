/**
 * Calls that create and read many files below an open directory. Runs in each
 * of our processes.
 *
 * Names are bytes that end with NUL, because names in an archive need not be
 * UTF-8. Each function returns the kernel's result, or -errno: for the callers
 * an error is often an answer (the file exists).
 *
 * The frequent calls are bound by dlopen, which takes 2 ms once and then a tenth
 * of the time of a call through a function pointer (see libc.ts).
 */

import { rawSyscall } from "../libc.ts";
import type { SyscallName } from "../numbers.ts";

/** unlinkat(2): removes a directory. */
export const AT_REMOVEDIR = 0x200;
/** Does not follow a link in the last component. */
export const AT_SYMLINK_NOFOLLOW = 0x100;

const AT_EMPTY_PATH = 0x1000;
const SEEK_SET = 0;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

const FUNCTIONS = {
  /** int openat(int dirfd, const char *pathname, int flags, mode_t mode) */
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  /** ssize_t write(int fd, const void *buf, size_t count) */
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  /** int fchown(int fd, uid_t owner, gid_t group) */
  fchown: { parameters: ["i32", "u32", "u32"], result: "i32" },
  /** int fchmod(int fd, mode_t mode) */
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  /** int futimens(int fd, const struct timespec times[2]) */
  futimens: { parameters: ["i32", "buffer"], result: "i32" },
  /** int close(int fd) */
  close: { parameters: ["i32"], result: "i32" },
  /** int mkdirat(int dirfd, const char *pathname, mode_t mode) */
  mkdirat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  /** int symlinkat(const char *target, int newdirfd, const char *linkpath) */
  symlinkat: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  /** int linkat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags) */
  linkat: {
    parameters: ["i32", "buffer", "i32", "buffer", "i32"],
    result: "i32",
  },
  /** int unlinkat(int dirfd, const char *pathname, int flags) */
  unlinkat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  /** int fchownat(int dirfd, const char *pathname, uid_t owner, gid_t group, int flags) */
  fchownat: {
    parameters: ["i32", "buffer", "u32", "u32", "i32"],
    result: "i32",
  },
  /** int utimensat(int dirfd, const char *pathname, const struct timespec times[2], int flags) */
  utimensat: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

type Bytes = Uint8Array<ArrayBuffer>;

let bound: Deno.DynamicLibrary<typeof FUNCTIONS>["symbols"] | undefined;

const libc = () => bound ??= Deno.dlopen("libc.so.6", FUNCTIONS).symbols;

/** A name as the kernel takes it. */
export type Name = Bytes;

// A failed call is made again by the instruction, whose result carries the
// errno: libc's variable may be another one by the time it is read. A call that
// succeeds then is as good.

/** openat(2), close-on-exec as the flags say. Returns the descriptor. */
export function openAt(
  directory: number,
  name: Name,
  flags: number,
  mode = 0,
): number {
  const result = libc().openat(directory, name, flags, mode);
  return result >= 0
    ? result
    : rawSyscall("openat", directory, name, flags, mode);
}

/** write(2). Returns the number of bytes that were written. */
export function write(fd: number, bytes: Uint8Array): number {
  const result = libc().write(fd, bytes as Bytes, BigInt(bytes.length));
  return result >= 0
    ? Number(result)
    : rawSyscall("write", fd, bytes, bytes.length);
}

/** fchown(2). */
export const changeOwner = (fd: number, uid: number, gid: number): number =>
  libc().fchown(fd, uid, gid) === 0 ? 0 : rawSyscall("fchown", fd, uid, gid);

/** fchmod(2). */
export const changeMode = (fd: number, mode: number): number =>
  libc().fchmod(fd, mode) === 0 ? 0 : rawSyscall("fchmod", fd, mode);

/** fchmodat(2); follows a link. */
export const changeModeAt = (
  directory: number,
  name: Name,
  mode: number,
): number => rawSyscall("fchmodat", directory, name, mode);

/** close(2). */
export const close = (fd: number): number => libc().close(fd);

/** mkdirat(2). */
export const makeDirectoryAt = (
  directory: number,
  name: Name,
  mode: number,
): number =>
  libc().mkdirat(directory, name, mode) === 0
    ? 0
    : rawSyscall("mkdirat", directory, name, mode);

/** symlinkat(2). */
export const symlinkAt = (
  target: Name,
  directory: number,
  name: Name,
): number =>
  libc().symlinkat(target, directory, name) === 0
    ? 0
    : rawSyscall("symlinkat", target, directory, name);

/** linkat(2); links a symbolic link itself. */
export const linkAt = (
  from: number,
  old: Name,
  directory: number,
  name: Name,
): number =>
  libc().linkat(from, old, directory, name, 0) === 0
    ? 0
    : rawSyscall("linkat", from, old, directory, name, 0);

/** unlinkat(2); with AT_REMOVEDIR an empty directory. */
export const unlinkAt = (directory: number, name: Name, flags = 0): number =>
  libc().unlinkat(directory, name, flags) === 0
    ? 0
    : rawSyscall("unlinkat", directory, name, flags);

/** fchownat(2); changes a symbolic link itself. */
export const changeOwnerAt = (
  directory: number,
  name: Name,
  uid: number,
  gid: number,
): number =>
  libc().fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW) === 0
    ? 0
    : rawSyscall("fchownat", directory, name, uid, gid, AT_SYMLINK_NOFOLLOW);

/** mknodat(2). */
export const makeNodeAt = (
  directory: number,
  name: Name,
  mode: number,
  device: { major: number; minor: number },
): number => rawSyscall("mknodat", directory, name, mode, deviceNumber(device));

/** dev_t as mknod(2) takes it: new_encode_dev() of linux/kdev_t.h. */
const deviceNumber = (
  { major, minor }: { major: number; minor: number },
): number => ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;

/** Seconds since 1970, and nanoseconds. */
export interface Time {
  seconds: number;
  nanoseconds: number;
}

// struct timespec[2]
const times = new BigInt64Array(4);
const timeBytes = new Uint8Array(times.buffer);

function fillTimes({ seconds, nanoseconds }: Time): void {
  times[0] = times[2] = BigInt(seconds);
  times[1] = times[3] = BigInt(nanoseconds);
}

/** futimens(3): the times of access and modification. */
export function setTimes(fd: number, time: Time): number {
  fillTimes(time);
  return libc().futimens(fd, timeBytes) === 0
    ? 0
    : rawSyscall("utimensat", fd, null, timeBytes, 0);
}

/** utimensat(2); changes a symbolic link itself. */
export function setTimesAt(
  directory: number,
  name: Name,
  time: Time,
): number {
  fillTimes(time);
  const flags = AT_SYMLINK_NOFOLLOW;
  return libc().utimensat(directory, name, timeBytes, flags) === 0
    ? 0
    : rawSyscall("utimensat", directory, name, timeBytes, flags);
}

/** lseek(2) to an offset from the start. */
export const seekTo = (fd: number, offset: number): number =>
  rawSyscall("lseek", fd, offset, SEEK_SET);

/** lseek(2) to the next byte that is not in a hole; -ENXIO after the last. */
export const seekData = (fd: number, offset: number): number =>
  rawSyscall("lseek", fd, offset, SEEK_DATA);

/** lseek(2) to the next hole, or to the end. */
export const seekHole = (fd: number, offset: number): number =>
  rawSyscall("lseek", fd, offset, SEEK_HOLE);

/** ftruncate(2). */
export const setSize = (fd: number, size: number): number =>
  rawSyscall("ftruncate", fd, size);

/** read(2). Returns the number of bytes. */
export const read = (fd: number, into: Uint8Array): number =>
  rawSyscall("read", fd, into, into.length);

/** readlinkat(2). Returns the length. */
export const readLinkAt = (
  directory: number,
  name: Name,
  into: Uint8Array,
): number => rawSyscall("readlinkat", directory, name, into, into.length);

/** The file types of inode(7), the upper bits of a mode. */
export const S_IF = {
  mask: 0o170000,
  directory: 0o040000,
  character: 0o020000,
  block: 0o060000,
  regular: 0o100000,
  fifo: 0o010000,
  link: 0o120000,
  socket: 0o140000,
} as const;

/** What statx(2) says about a file. */
export interface Status {
  /** With the file type. */
  mode: number;
  uid: number;
  gid: number;
  links: number;
  inode: bigint;
  size: number;
  /** Of 512 bytes each. */
  blocks: number;
  modified: Time;
  device: { major: number; minor: number };
  /** The device of the file system. */
  on: { major: number; minor: number };
}

const STATX_BASIC_STATS = 0x7ff;
const statBytes = new Uint8Array(256);
const stat = new DataView(statBytes.buffer);

/**
 * statx(2) of a name, without following a link; of the descriptor itself if the
 * name is empty. Returns -errno after a failure.
 */
export function statusAt(directory: number, name: Name): Status | number {
  const flags = AT_SYMLINK_NOFOLLOW | (name[0] === 0 ? AT_EMPTY_PATH : 0);
  const result = rawSyscall(
    "statx",
    directory,
    name,
    flags,
    STATX_BASIC_STATS,
    statBytes,
  );
  if (result < 0) return result;
  const word = (at: number) => stat.getUint32(at, true);
  const long = (at: number) => Number(stat.getBigInt64(at, true));
  return {
    mode: stat.getUint16(28, true),
    uid: word(20),
    gid: word(24),
    links: word(16),
    inode: stat.getBigUint64(32, true),
    size: long(40),
    blocks: long(48),
    modified: { seconds: long(112), nanoseconds: word(120) },
    device: { major: word(128), minor: word(132) },
    on: { major: word(136), minor: word(140) },
  };
}

/** getdents64(2). Returns the number of bytes, 0 after the last entry. */
export const readDirectory = (fd: number, into: Uint8Array): number =>
  rawSyscall("getdents64", fd, into, into.length);

/** A descriptor, or a path whose last component is not followed. */
export type Place = number | Name;

const byPlace = (
  place: Place,
  open: SyscallName,
  named: SyscallName,
): [SyscallName, number | Name] => [
  typeof place === "number" ? open : named,
  place,
];

/** setxattr(2). */
export const setAttribute = (
  place: Place,
  name: Name,
  value: Uint8Array,
): number =>
  rawSyscall(
    ...byPlace(place, "fsetxattr", "lsetxattr"),
    name,
    value,
    value.length,
    0,
  );

/** getxattr(2). Returns the length. */
export const getAttribute = (
  place: Place,
  name: Name,
  into: Uint8Array,
): number =>
  rawSyscall(
    ...byPlace(place, "fgetxattr", "lgetxattr"),
    name,
    into,
    into.length,
  );

/** fremovexattr(2). */
export const removeAttribute = (fd: number, name: Name): number =>
  rawSyscall("fremovexattr", fd, name);

/** listxattr(2): names that end with NUL. Returns the length. */
export const listAttributes = (place: Place, into: Uint8Array): number =>
  rawSyscall(
    ...byPlace(place, "flistxattr", "llistxattr"),
    into,
    into.length,
  );

/** copy_file_range(2) at given offsets. Returns the number of bytes. */
export function copyRange(
  from: number,
  to: number,
  offset: number,
  length: number,
): number {
  const place = () =>
    new Uint8Array(new BigInt64Array([BigInt(offset)]).buffer);
  return rawSyscall("copy_file_range", from, place(), to, place(), length, 0);
}
