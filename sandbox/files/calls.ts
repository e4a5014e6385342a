/**
 * The requests for the files of a sandbox: one function for each thing that the
 * helper does. Paths are looked up by the kernel below the root directory of
 * the sandbox, with the rights of a command. Runs on the host, in the program's
 * process.
 */

import type { Errno } from "../../ffi/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  type Descriptor,
  O,
} from "../../ffi/fcntl.ts";
import {
  OPEN_HOW_SIZE,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from "../../ffi/openat2.ts";
import { toText } from "../../ffi/text.ts";
import { failure, notRegular } from "./failures.ts";
import {
  type FileInfo,
  parseStatx,
  STATX_ALL,
  STATX_SIZE,
} from "./file_info.ts";
import type { FileHelper } from "./exchange.ts";
import {
  type FileAnswer,
  type FileArgument,
  type FileRequest,
  MOST_DATA,
  type Place,
  RECEIVED,
  type Result,
  S_IFMT,
  S_IFREG,
} from "./request.ts";

export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const PATH_MAX = 4096;
/** Stands for a file of a type that is refused. */
const REFUSED_TYPE = 95;
const REFUSED: Errno = "EOPNOTSUPP";

/**
 * No open waits for the other end of a FIFO or takes a terminal, and none leads
 * through the links of /proc to a file of another process.
 */
export const SAFE = O.O_NONBLOCK | O.O_NOCTTY | O.O_CLOEXEC;

/** Throws the first error of a request. */
export function check(what: string, answer: FileAnswer): void {
  const code = answer.failure();
  if (!code) return;
  answer.descriptor?.close();
  throw failure(what, code);
}

export function openAt(
  request: FileRequest,
  path: string,
  flags: number,
  mode = 0,
): Result {
  const how = new BigUint64Array([
    BigInt(flags),
    BigInt(mode),
    RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  ]);
  return request.call("openat2", [
    AT_FDCWD,
    request.data(path),
    request.data(new Uint8Array(how.buffer)),
    OPEN_HOW_SIZE,
  ]);
}

/** An open, the file's status, and the refusal of other types. */
function openRegular(
  request: FileRequest,
  path: string,
  flags: number,
  mode = 0,
): { file: Result; status: Place; checked: Result } {
  const status = request.space(STATX_SIZE);
  const file = openAt(request, path, flags | SAFE, mode);
  request.call("statx", [
    file,
    request.data(""),
    AT_EMPTY_PATH,
    STATX_ALL,
    status,
  ]);
  return {
    file,
    status,
    checked: request.checkType(status, S_IFREG, REFUSED_TYPE),
  };
}

function checkRegular(
  what: string,
  answer: FileAnswer,
  { status, checked }: { status: Place; checked: Result },
): FileInfo {
  if (answer.isMade(checked) && answer.errorOf(checked) === REFUSED) {
    answer.descriptor?.close();
    throw notRegular(what, parseStatx(answer.bytes(status)).mode & S_IFMT);
  }
  // For writing, nothing can be opened that has no reader.
  if (answer.failure() === "ENXIO") {
    throw new Deno.errors.NotSupported(
      `Cannot ${what}: it is a FIFO, a socket or a device`,
    );
  }
  check(what, answer);
  return parseStatx(answer.bytes(status));
}

/** A file that this process has open. */
export interface Opened {
  descriptor: Descriptor;
  info: FileInfo;
}

/** Opens a regular file, and gets its descriptor. */
export const openFile = (
  helper: FileHelper,
  what: string,
  path: string,
  flags: number,
  mode = 0,
): Promise<Opened> =>
  helper.exchange(what, (request) => {
    const opened = openRegular(request, path, flags, mode);
    request.send(opened.file);
    request.answerWith(opened.status);
    return (answer) => {
      const info = checkRegular(what, answer, opened);
      if (answer.descriptor) return { descriptor: answer.descriptor, info };
      throw failure(what, "EMFILE");
    };
  });

/**
 * The content of a small file; otherwise the file, opened.
 */
export const readOrOpen = async (
  helper: FileHelper,
  what: string,
  path: string,
): Promise<Uint8Array<ArrayBuffer> | Opened> =>
  await helper.exchange(what, (request) => {
    const opened = openRegular(request, path, O.O_RDONLY);
    const content = request.space(MOST_DATA);
    const count = request.call("read", [opened.file, content, MOST_DATA]);
    request.answerWith(content, count);
    return (answer) => {
      const { size } = checkRegular(what, answer, opened);
      // Files of /proc have no size, and come in pieces.
      return size > 0 && size === answer.result(count)
        ? answer.bytes(content, size)
        : null;
    };
  }) ?? await openFile(helper, what, path, O.O_RDONLY);

/** Writes a small file in one request. */
export const writeSmall = (
  helper: FileHelper,
  what: string,
  path: string,
  { bytes, flags, mode, always }: {
    bytes: Uint8Array;
    flags: number;
    mode: number;
    /** Permissions that the file gets even if it exists. */
    always?: number;
  },
): Promise<void> =>
  helper.exchange(what, (request) => {
    const opened = openRegular(request, path, O.O_WRONLY | flags, mode);
    if (always !== undefined) request.call("fchmod", [opened.file, always]);
    const count = bytes.length
      ? request.call("write", [
        opened.file,
        request.data(bytes),
        bytes.length,
      ])
      : null;
    request.answerWith(opened.status);
    return (answer) => {
      checkRegular(what, answer, opened);
      const isWhole = !count || answer.result(count) === bytes.length;
      if (!isWhole) throw failure(what, "ENOSPC");
    };
  });

/** Changes the length of a file. */
export const truncateFile = (
  helper: FileHelper,
  what: string,
  path: string,
  length: number,
): Promise<void> =>
  helper.exchange(what, (request) => {
    const opened = openRegular(request, path, O.O_WRONLY);
    request.call("ftruncate", [opened.file, length]);
    request.answerWith(opened.status);
    return (answer) => {
      checkRegular(what, answer, opened);
    };
  });

/** What a path leads to, or the link itself. */
export const statFile = (
  helper: FileHelper,
  what: string,
  path: string,
  { follow }: { follow: boolean },
): Promise<FileInfo> =>
  helper.exchange(what, (request) => {
    const status = request.space(STATX_SIZE);
    request.call("statx", [
      AT_FDCWD,
      request.data(path),
      follow ? 0 : AT_SYMLINK_NOFOLLOW,
      STATX_ALL,
      status,
    ]);
    request.answerWith(status);
    return (answer) => {
      check(what, answer);
      return parseStatx(answer.bytes(status));
    };
  });

type PathCall =
  | "mkdirat"
  | "unlinkat"
  | "renameat2"
  | "linkat"
  | "symlinkat"
  | "fchmodat"
  | "fchownat"
  | "utimensat";

/** A call with paths that returns nothing. A string is a path. */
export const callWith = (
  helper: FileHelper,
  what: string,
  name: PathCall,
  args: readonly (string | number | bigint | Uint8Array)[],
): Promise<void> =>
  helper.exchange(what, (request) => {
    request.call(
      name,
      args.map((argument): FileArgument =>
        typeof argument === "string" || argument instanceof Uint8Array
          ? request.data(argument)
          : argument
      ),
    );
    return (answer) => check(what, answer);
  });

/** Removes a file, or an empty directory. */
export const removeFile = (
  helper: FileHelper,
  what: string,
  path: string,
): Promise<void> =>
  helper.exchange(what, (request) => {
    const file = request.call("unlinkat", [AT_FDCWD, request.data(path), 0], {
      mayFail: true,
    });
    const directory = request.call("unlinkat", [
      AT_FDCWD,
      request.data(path),
      AT_REMOVEDIR,
    ], { mayFail: true });
    return (answer) => {
      const first = answer.errorOf(file);
      if (!first) return;
      const second = answer.errorOf(directory);
      // It is no directory: the first error is the one that tells why.
      if (second) throw failure(what, second === "ENOTDIR" ? first : second);
    };
  });

/** The target of a link. */
export const readLinkOf = (
  helper: FileHelper,
  what: string,
  path: string,
): Promise<string> =>
  helper.exchange(what, (request) => {
    const target = request.space(PATH_MAX);
    const count = request.call("readlinkat", [
      AT_FDCWD,
      request.data(path),
      target,
      PATH_MAX,
    ]);
    request.answerWith(target, count);
    return (answer) => {
      check(what, answer);
      return toText(answer.bytes(target, answer.result(count)));
    };
  });

/** The path without links; the kernel names what this process has open. */
export const realPathOf = (
  helper: FileHelper,
  what: string,
  path: string,
): Promise<string> =>
  helper.exchange(what, (request) => {
    request.send(openAt(request, path, O.O_PATH | O.O_CLOEXEC));
    return (answer) => {
      check(what, answer);
      using descriptor = answer.descriptor;
      if (!descriptor) throw failure(what, "EMFILE");
      return Deno.readLinkSync(`/proc/self/fd/${descriptor.fd}`);
    };
  });

/** Sets the umask of the helper; returns the earlier one. */
export const setUmask = (
  helper: FileHelper,
  mask: number | undefined,
): Promise<number> =>
  helper.exchange("set the umask", (request) => {
    const before = request.call("umask", [mask ?? 0]);
    if (mask === undefined) request.call("umask", [before]);
    return (answer) => answer.result(before);
  });

/** Sets the times of a file that this process has open. */
export const setTimes = (
  helper: FileHelper,
  what: string,
  descriptor: Descriptor,
  times: Uint8Array,
): Promise<void> =>
  helper.exchange(what, (request) => {
    request.call("utimensat", [RECEIVED, 0, request.data(times), 0]);
    return (answer) => check(what, answer);
  }, descriptor);
