/**
 * A directory of the host that is open while its content is read. Runs on the
 * host, in the process that asks for a container; changes nothing.
 */

import { SyscallError } from "../../ffi/errno.ts";
import { type Descriptor, O, open, readAt } from "../../ffi/fcntl.ts";
import { lstat, readLink } from "../../ffi/paths.ts";
import { openInRoot, readInRoot, RESOLVE_NO_XDEV } from "../../ffi/openat2.ts";
import { infoOf, reading } from "./reading.ts";
import type { FileInfo, OpenDirectory } from "./world.ts";

/** The size of the first piece that is read of a file. */
const PIECE = 64 << 10;

const placeOf = ({ fd }: Descriptor) => `/proc/self/fd/${fd}`;

/** An {@linkcode OpenDirectory} by its descriptor. */
export class RealDirectory implements OpenDirectory {
  readonly #directory: Descriptor;

  /** Takes the descriptor, and closes it at the end. */
  constructor(directory: Descriptor) {
    this.#directory = directory;
  }

  /** Opens a directory. open(2) O_PATH */
  static open(path: string): RealDirectory {
    return new RealDirectory(open(path, O.O_PATH | O.O_DIRECTORY));
  }

  get path(): string {
    return readLink(placeOf(this.#directory));
  }

  stat(path: string): FileInfo | null {
    using found = openInRoot(this.#directory, path, O.O_PATH);
    return found && reading(
      "stat",
      path,
      () => infoOf(Deno.statSync(placeOf(found))),
    );
  }

  lstat(path: string): FileInfo | null {
    return this.#inParent(
      path,
      (place) => reading("lstat", path, () => infoOf(lstat(place))),
    );
  }

  readLink(path: string): string | null {
    return this.#inParent(
      path,
      (place) => reading("readlink", path, () => readLink(place)),
    );
  }

  /**
   * Calls a function with a path whose directory is open, so that only its last
   * part can still be a link.
   */
  #inParent<T>(path: string, read: (place: string) => T): T | null {
    const slash = path.replace(/\/+$/, "").lastIndexOf("/");
    const [above, name] = [path.slice(0, slash) || "/", path.slice(slash + 1)];
    using parent = openInRoot(
      this.#directory,
      above,
      O.O_PATH | O.O_DIRECTORY,
    );
    if (!parent) return null;
    try {
      return read(`${placeOf(parent)}/${name}`);
    } catch (error) {
      if (error instanceof SyscallError && error.code === "ENOENT") return null;
      throw error;
    }
  }

  readText(path: string): string | null {
    return readInRoot(this.#directory, path);
  }

  hasEntries(path: string): boolean | null {
    using found = openInRoot(
      this.#directory,
      path,
      O.O_RDONLY | O.O_DIRECTORY,
    );
    if (!found) return null;
    return reading("getdents64", path, () => {
      for (const _entry of Deno.readDirSync(placeOf(found))) return true;
      return false;
    });
  }

  exists(path: string): boolean {
    try {
      using found = openInRoot(
        this.#directory,
        path,
        O.O_PATH,
        RESOLVE_NO_XDEV,
      );
      return found !== null;
    } catch (error) {
      if (error instanceof SyscallError && error.code === "EXDEV") return true;
      throw error;
    }
  }

  readFileOnHost(path: string, most: number): Uint8Array | null {
    // O_NONBLOCK: opening a fifo does not wait for a writer. O_NOCTTY: a
    // terminal does not become the controlling terminal.
    using file = open(
      `${placeOf(this.#directory)}/${path}`,
      O.O_RDONLY | O.O_NONBLOCK | O.O_NOCTTY,
    );
    return Deno.statSync(placeOf(file)).isFile ? readAll(file, most) : null;
  }

  directoryOnHost(path: string): string {
    using found = open(
      path.startsWith("/") ? path : `${placeOf(this.#directory)}/${path}`,
      O.O_PATH | O.O_DIRECTORY,
    );
    return readLink(placeOf(found));
  }

  [Symbol.dispose](): void {
    this.#directory.close();
  }
}

/**
 * Reads a whole file, but not more than `most` bytes: the file can grow while
 * it is read.
 */
function readAll({ fd }: Descriptor, most: number): Uint8Array {
  let bytes = new Uint8Array(Math.min(PIECE, most));
  for (let size = 0;;) {
    const got = readAt(fd, bytes.subarray(size), size);
    size += got;
    if (got === 0 || size >= most) return bytes.subarray(0, size);
    if (size < bytes.length) continue;
    const larger = new Uint8Array(Math.min(2 * size, most));
    larger.set(bytes);
    bytes = larger;
  }
}
