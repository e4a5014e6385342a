/** errno(3): names, numbers (the same on x86_64 and aarch64) and words. */

const TABLE = {
  EPERM: [1, "operation not permitted"],
  ENOENT: [2, "no such file or directory"],
  ESRCH: [3, "no such process"],
  EINTR: [4, "interrupted system call"],
  EIO: [5, "input/output error"],
  ENXIO: [6, "no such device or address"],
  E2BIG: [7, "argument list too long"],
  ENOEXEC: [8, "exec format error"],
  EBADF: [9, "bad file descriptor"],
  ECHILD: [10, "no child processes"],
  EAGAIN: [11, "resource temporarily unavailable"],
  ENOMEM: [12, "cannot allocate memory"],
  EACCES: [13, "permission denied"],
  EFAULT: [14, "bad address"],
  ENOTBLK: [15, "block device required"],
  EBUSY: [16, "device or resource busy"],
  EEXIST: [17, "file exists"],
  EXDEV: [18, "invalid cross-device link"],
  ENODEV: [19, "no such device"],
  ENOTDIR: [20, "not a directory"],
  EISDIR: [21, "is a directory"],
  EINVAL: [22, "invalid argument"],
  ENFILE: [23, "too many open files in system"],
  EMFILE: [24, "too many open files"],
  ENOTTY: [25, "inappropriate ioctl for device"],
  ETXTBSY: [26, "text file busy"],
  EFBIG: [27, "file too large"],
  ENOSPC: [28, "no space left on device"],
  ESPIPE: [29, "illegal seek"],
  EROFS: [30, "read-only file system"],
  EMLINK: [31, "too many links"],
  EPIPE: [32, "broken pipe"],
  ERANGE: [34, "result too large"],
  ENAMETOOLONG: [36, "file name too long"],
  ENOSYS: [38, "function not implemented"],
  ENOTEMPTY: [39, "directory not empty"],
  ELOOP: [40, "too many levels of symbolic links"],
  ENODATA: [61, "no data available"],
  EBADMSG: [74, "bad message"],
  EOVERFLOW: [75, "value too large for defined data type"],
  ELIBBAD: [80, "accessing a corrupted shared library"],
  EUSERS: [87, "too many users"],
  ENOTSOCK: [88, "socket operation on non-socket"],
  EOPNOTSUPP: [95, "operation not supported"],
  EADDRINUSE: [98, "address already in use"],
  ENETDOWN: [100, "network is down"],
  ETIMEDOUT: [110, "connection timed out"],
  ESTALE: [116, "stale file handle"],
  EUCLEAN: [117, "structure needs cleaning"],
  EDQUOT: [122, "disk quota exceeded"],
  ENOKEY: [126, "required key not available"],
} as const;

/** A name of errno(3). */
export type Errno = keyof typeof TABLE;

/** The number of each errno. */
export const ERRNO = Object.fromEntries(
  Object.entries(TABLE).map(([name, [number]]) => [name, number]),
) as Record<Errno, number>;

const NAMES = new Map<number, Errno>(
  Object.entries(TABLE).map(([name, [number]]) => [number, name as Errno]),
);

/** The name of an errno, `E123` for one without. */
export function errnoName(errno: number): Errno | `E${number}` {
  return NAMES.get(errno) ?? `E${errno}`;
}

/** "operation not permitted (EPERM)". */
export function errnoText(code: Errno | `E${number}`): string {
  const entry = (TABLE as Record<string, readonly [number, string]>)[code];
  return entry ? `${entry[1]} (${code})` : `unknown error (${code})`;
}

/** What helps whatever was being done. */
function hintFor(syscall: string, code: string): string | undefined {
  switch (code) {
    case "ENOSYS":
      return `This kernel has no ${syscall}: container needs Linux 5.12 or newer. See container doctor.`;
    case "EMFILE":
      return "Raise the limit on open files: ulimit -n 1024.";
    case "EAGAIN":
      // Of other calls it says that there is nothing to read yet.
      return syscall === "posix_spawn"
        ? "The limit on processes is reached: ulimit -u, or a cgroup's pids.max."
        : undefined;
  }
}

/** A system call that failed, with what it was done for. */
export class SyscallError extends Error {
  /** The class's. */
  override name = "SyscallError";
  /** What helps, where that is known: a sentence. */
  readonly hint?: string;
  /** Takes the call, its errno, and what was being done: "mount proc at /proc". */
  constructor(
    /** The call's name. */
    readonly syscall: string,
    /** `ENOENT` and the like. */
    readonly code: Errno | `E${number}`,
    readonly context?: string,
  ) {
    super(
      `Cannot ${context ?? `call ${syscall}`}: ${
        context ? `${syscall}: ` : ""
      }${errnoText(code)}`,
    );
    this.hint = hintFor(syscall, code);
  }

  /** The number behind `code`. */
  get errno(): number {
    return ERRNO[this.code as Errno] ?? Number(this.code.slice(1));
  }
}
