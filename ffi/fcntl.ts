/** fcntl.h and unistd.h: descriptors. */

import { ERRNO, errnoName, SyscallError } from "./errno.ts";
import { rawSyscall, syscall } from "./libc.ts";
import { cString } from "./memory.ts";

export const O = {
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NOCTTY: 0o400,
  O_NONBLOCK: 0o4000,
  O_DIRECTORY: Deno.build.arch === "aarch64" ? 0o40000 : 0o200000,
  O_NOFOLLOW: Deno.build.arch === "aarch64" ? 0o100000 : 0o400000,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
} as const;

/** For flock(2), sys/file.h. */
export const LOCK = { shared: 1, exclusive: 2, atOnce: 4 } as const;

export const AT_FDCWD = -100;
export const AT_EMPTY_PATH = 0x1000;
export const F_DUPFD_CLOEXEC = 1030;
export const F_SETFD = 2;

const F_GETFL = 3;
const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;
const FIONREAD = 0x541b;
const SEEK_CUR = 1;
const F_ADD_SEALS = 1033;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 0x10;
const SEAL_SEAL = 1;
const SEAL_SHRINK = 2;
const SEAL_GROW = 4;
/**
 * Forbids write(2) and new writable mappings. F_SEAL_WRITE would also check for
 * existing mappings, which we never have; for that it waits up to 20 ms for a
 * page that another CPU still uses.
 */
const SEAL_FUTURE_WRITE = 0x10;

/**
 * A descriptor that we own; it is closed once, however often it is disposed of.
 */
export class Descriptor implements Disposable {
  #open = true;
  constructor(readonly fd: number) {}
  close(): void {
    if (this.#open) rawSyscall("close", this.fd);
    this.#open = false;
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

/** openat(2), close-on-exec. */
export function open(path: string, flags: number): Descriptor {
  return new Descriptor(
    syscall("openat", AT_FDCWD, cString(path), flags | O.O_CLOEXEC, 0),
  );
}

/** pipe2(2), both ends close-on-exec. */
export function pipe(): { read: Descriptor; write: Descriptor } {
  const ends = new Int32Array(2);
  syscall("pipe2", new Uint8Array(ends.buffer), O.O_CLOEXEC);
  return { read: new Descriptor(ends[0]!), write: new Descriptor(ends[1]!) };
}

/**
 * Above the numbers that are passed to a new process, and below 64. For
 * descriptor 64 the kernel enlarges the descriptor table. If threads share the
 * table, as in Deno, that waits for every CPU (RCU): 10 ms and more.
 */
export const HIGH = 44;

/**
 * Moves a descriptor to a number from `least` upwards, so the low numbers are
 * free to be passed to a new process.
 */
export function moveUp(descriptor: Descriptor, least = HIGH): Descriptor {
  if (descriptor.fd >= least) return descriptor;
  const moved = dupFrom(descriptor.fd, least);
  descriptor.close();
  return new Descriptor(moved);
}

/** Duplicates a descriptor, owned or not, to a number from `least` upwards. */
export function duplicateUp(fd: number, least = HIGH): Descriptor {
  return new Descriptor(dupFrom(fd, least));
}

function dupFrom(fd: number, least: number): number {
  const result = rawSyscall("fcntl", fd, F_DUPFD_CLOEXEC, least);
  if (result >= 0) return result;
  // EINVAL: the limit on open files is below that number.
  throw new SyscallError(
    "fcntl",
    result === -ERRNO.EINVAL ? "EMFILE" : errnoName(-result),
  );
}

/**
 * Sets O_NONBLOCK. The flag belongs to the open file, so use this only for
 * files that nobody else has open.
 */
export function setNonBlocking({ fd }: Descriptor): void {
  const flags = syscall("fcntl", fd, F_GETFL);
  syscall("fcntl", fd, F_SETFL, flags | O.O_NONBLOCK);
}

/** Enlarges a pipe, F_SETPIPE_SZ, if the system allows it. */
export function enlargePipe({ fd }: Descriptor, size: number): void {
  rawSyscall("fcntl", fd, F_SETPIPE_SZ, size);
}

/** The number of unread bytes in a pipe, ioctl(2) FIONREAD. */
export function unreadBytes({ fd }: Descriptor): number {
  const count = new Int32Array(1);
  syscall("ioctl", fd, FIONREAD, new Uint8Array(count.buffer));
  return count[0]!;
}

/**
 * Moves the file offset back by `count` bytes, so the next reader reads them
 * again, lseek(2).
 */
export function seekBack({ fd }: Descriptor, count: number): void {
  if (count) rawSyscall("lseek", fd, -count, SEEK_CUR);
}

/** Writes all bytes. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let rest = bytes; rest.length;) {
    rest = rest.subarray(syscall("write", fd, rest, rest.length));
  }
}

/** Reads up to `bytes.length` bytes at an offset, pread(2). */
export function readAt(fd: number, bytes: Uint8Array, offset: number): number {
  return syscall("pread64", fd, bytes, bytes.length, offset);
}

/** Makes an empty memory file, to be filled and then sealed. */
export function emptyMemoryFile(name: string): Descriptor {
  return new Descriptor(
    syscall("memfd_create", cString(name), MFD_CLOEXEC | MFD_ALLOW_SEALING),
  );
}

/** Seals a memory file: nobody can change it any more. */
export function sealFile({ fd }: Descriptor): void {
  const seals = SEAL_SHRINK | SEAL_GROW | SEAL_FUTURE_WRITE | SEAL_SEAL;
  syscall("fcntl", fd, F_ADD_SEALS, seals);
}

/**
 * Makes a memory file with a fixed size; with `sealed` also its content is
 * fixed.
 */
export function memoryFile(
  name: string,
  content: Uint8Array,
  { sealed = false, executable = false } = {},
): Descriptor {
  const base = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  let fd = rawSyscall(
    "memfd_create",
    cString(name),
    executable ? base | MFD_EXEC : base,
  );
  // MFD_EXEC came with Linux 6.3. Later kernels only warn if it is missing.
  if (fd === -22 && executable) {
    fd = syscall("memfd_create", cString(name), base);
  } else if (fd < 0) {
    fd = syscall("memfd_create", cString(name), base);
  }
  const file = new Descriptor(fd);
  writeAll(fd, content);
  if (sealed) sealFile(file);
  else syscall("fcntl", fd, F_ADD_SEALS, SEAL_SHRINK | SEAL_GROW);
  return file;
}
