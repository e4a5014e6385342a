/** errno(3): names, numbers (the same on x86_64 and aarch64) and texts. */

/** A name of errno(3). */
export type Errno =
  | "EPERM"
  | "ENOENT"
  | "ESRCH"
  | "EINTR"
  | "EIO"
  | "ENXIO"
  | "E2BIG"
  | "ENOEXEC"
  | "EBADF"
  | "ECHILD"
  | "EAGAIN"
  | "ENOMEM"
  | "EACCES"
  | "EFAULT"
  | "ENOTBLK"
  | "EBUSY"
  | "EEXIST"
  | "EXDEV"
  | "ENODEV"
  | "ENOTDIR"
  | "EISDIR"
  | "EINVAL"
  | "ENFILE"
  | "EMFILE"
  | "ENOTTY"
  | "ETXTBSY"
  | "EFBIG"
  | "ENOSPC"
  | "ESPIPE"
  | "EROFS"
  | "EMLINK"
  | "EPIPE"
  | "ERANGE"
  | "ENAMETOOLONG"
  | "ENOSYS"
  | "ENOTEMPTY"
  | "ELOOP"
  | "ENODATA"
  | "EBADMSG"
  | "EOVERFLOW"
  | "ELIBBAD"
  | "EUSERS"
  | "ENOTSOCK"
  | "EMSGSIZE"
  | "EPROTOTYPE"
  | "EOPNOTSUPP"
  | "EAFNOSUPPORT"
  | "EADDRINUSE"
  | "EADDRNOTAVAIL"
  | "ENETDOWN"
  | "ENETUNREACH"
  | "ECONNRESET"
  | "ENOTCONN"
  | "ETIMEDOUT"
  | "ECONNREFUSED"
  | "ESTALE"
  | "EUCLEAN"
  | "EDQUOT"
  | "ENOKEY";

/** The number of each errno. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  ENOEXEC: 8,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  ENOTBLK: 15,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EBADMSG: 74,
  EOVERFLOW: 75,
  ELIBBAD: 80,
  EUSERS: 87,
  ENOTSOCK: 88,
  EMSGSIZE: 90,
  EPROTOTYPE: 91,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ECONNRESET: 104,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  ESTALE: 116,
  EUCLEAN: 117,
  EDQUOT: 122,
  ENOKEY: 126,
} as const satisfies Record<Errno, number>;

const TEXTS: Record<Errno, string> = {
  EPERM: "operation not permitted",
  ENOENT: "no such file or directory",
  ESRCH: "no such process",
  EINTR: "interrupted system call",
  EIO: "input/output error",
  ENXIO: "no such device or address",
  E2BIG: "argument list too long",
  ENOEXEC: "exec format error",
  EBADF: "bad file descriptor",
  ECHILD: "no child processes",
  EAGAIN: "resource temporarily unavailable",
  ENOMEM: "cannot allocate memory",
  EACCES: "permission denied",
  EFAULT: "bad address",
  ENOTBLK: "block device required",
  EBUSY: "device or resource busy",
  EEXIST: "file exists",
  EXDEV: "invalid cross-device link",
  ENODEV: "no such device",
  ENOTDIR: "not a directory",
  EISDIR: "is a directory",
  EINVAL: "invalid argument",
  ENFILE: "too many open files in system",
  EMFILE: "too many open files",
  ENOTTY: "inappropriate ioctl for device",
  ETXTBSY: "text file busy",
  EFBIG: "file too large",
  ENOSPC: "no space left on device",
  ESPIPE: "illegal seek",
  EROFS: "read-only file system",
  EMLINK: "too many links",
  EPIPE: "broken pipe",
  ERANGE: "result too large",
  ENAMETOOLONG: "file name too long",
  ENOSYS: "function not implemented",
  ENOTEMPTY: "directory not empty",
  ELOOP: "too many levels of symbolic links",
  ENODATA: "no data available",
  EBADMSG: "bad message",
  EOVERFLOW: "value too large for defined data type",
  ELIBBAD: "accessing a corrupted shared library",
  EUSERS: "too many users",
  ENOTSOCK: "socket operation on non-socket",
  EMSGSIZE: "message too long",
  EPROTOTYPE: "protocol wrong type for socket",
  EOPNOTSUPP: "operation not supported",
  EAFNOSUPPORT: "address family not supported",
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "cannot assign requested address",
  ENETDOWN: "network is down",
  ENETUNREACH: "network is unreachable",
  ECONNRESET: "connection reset by peer",
  ENOTCONN: "transport endpoint is not connected",
  ETIMEDOUT: "connection timed out",
  ECONNREFUSED: "connection refused",
  ESTALE: "stale file handle",
  EUCLEAN: "structure needs cleaning",
  EDQUOT: "disk quota exceeded",
  ENOKEY: "required key not available",
};

let names: Map<number, Errno> | undefined;

/** The name of an errno; `E123` if it has none. */
export function errnoName(errno: number): Errno | `E${number}` {
  names ??= new Map(
    (Object.keys(ERRNO) as Errno[]).map((name) => [ERRNO[name], name]),
  );
  return names.get(errno) ?? `E${errno}`;
}

/** "operation not permitted (EPERM)". */
export function errnoText(code: Errno | `E${number}`): string {
  const text = (TEXTS as Record<string, string>)[code];
  return text ? `${text} (${code})` : `unknown error (${code})`;
}

/** Hints that do not depend on the operation. */
function hintFor(syscall: string, code: string): string | undefined {
  switch (code) {
    case "ENOSYS":
      return `This kernel does not support ${syscall}. container needs Linux 5.12 or newer. See container doctor.`;
    case "EMFILE":
      return "Raise the limit on open files (ulimit -n).";
    case "EAGAIN":
      // For other calls EAGAIN means that there is nothing to read yet.
      return ["posix_spawn", "clone", "clone3"].includes(syscall)
        ? "The limit on processes is reached. See ulimit -u, and pids.max of the cgroup."
        : undefined;
  }
}

/** A system call that failed, and the operation that it was made for. */
export class SyscallError extends Error {
  /** The name of the class. */
  override name = "SyscallError";
  /** How to fix it, if that is known: a sentence. */
  readonly hint?: string;
  /** Takes the call, its errno, and the operation: "mount proc at /proc". */
  constructor(
    /** The name of the call. */
    readonly syscall: string,
    /** The name of the errno, for example `ENOENT`. */
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

  /** The number of `code`. */
  get errno(): number {
    return ERRNO[this.code as Errno] ?? Number(this.code.slice(1));
  }
}
