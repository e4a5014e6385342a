/**
 * A file that appears under its name only when it is whole: until then it has no
 * name, so a command that is killed leaves nothing. Runs on the host, in the
 * command's process.
 */

import { ERRNO, errnoName, errnoText } from "../../ffi/errno.ts";
import { AT_FDCWD, O } from "../../ffi/fcntl.ts";
import { close, openAt, unlinkAt, write } from "../../ffi/files/files.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { ContainerError } from "../../spec/errors.ts";
import { fromText, nameOf } from "../tar/byte_string.ts";

const O_TMPFILE = 0o20000000 | O.O_DIRECTORY;
const O_TRUNC = 0o1000;
const AT_SYMLINK_FOLLOW = 0x400;
/** As docker's files: an archive may have secrets. */
const MODE = 0o600;

/** Writes a file. */
export class WholeFile implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  readonly #isNameless: boolean;

  /** @throws {ContainerError} if it cannot be made */
  constructor(path: string) {
    this.#path = path;
    const directory = path.replace(/[^/]*$/, "") || ".";
    const name = nameOf(fromText(path));
    const info = statOrNull(path);
    if (info?.isDirectory) throw this.#error(-ERRNO.EISDIR);
    // A device or a pipe is written as it is.
    const nameless = info && !info.isFile ? -1 : openAt(
      AT_FDCWD,
      nameOf(fromText(directory)),
      O.O_WRONLY | O_TMPFILE | O.O_CLOEXEC,
      MODE,
    );
    this.#isNameless = nameless >= 0;
    this.#fd = this.#isNameless ? nameless : openAt(
      AT_FDCWD,
      name,
      O.O_WRONLY | O.O_CREAT | O_TRUNC | O.O_CLOEXEC,
      MODE,
    );
    if (this.#fd < 0) throw this.#error(this.#fd);
  }

  /** Writes all bytes. */
  write(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length;) {
      const written = write(this.#fd, rest);
      if (written < 0) throw this.#error(written);
      rest = rest.subarray(written);
    }
  }

  /** Gives the file its name. */
  finish(): void {
    if (!this.#isNameless) return;
    const name = nameOf(fromText(this.#path));
    const from = nameOf(`/proc/self/fd/${this.#fd}`);
    const link = () =>
      rawSyscall("linkat", AT_FDCWD, from, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
    let result = link();
    if (result === -ERRNO.EEXIST) {
      unlinkAt(AT_FDCWD, name);
      result = link();
    }
    if (result < 0) throw this.#error(result);
  }

  #error(result: number): ContainerError {
    return new ContainerError(
      `Cannot write ${this.#path}: ${errnoText(errnoName(-result))}`,
      { hint: "Name a file in a directory that you can write to." },
    );
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

function statOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch {
    return null;
  }
}
