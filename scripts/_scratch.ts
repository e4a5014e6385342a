/**
 * A temporary directory for a build, next to the output, so that the result can
 * be renamed into place.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";
import { type Descriptor, O, open } from "../ffi/fcntl.ts";
import { SyscallError } from "../ffi/errno.ts";
import { syscall } from "../ffi/libc.ts";
import { removeTree } from "../rootfs/trees.ts";
import { endChildren } from "./_deno.ts";

const NAME = /^\.container-[0-9a-z]+\.tmp$/;

const LOCK_EX = 2;
const LOCK_NB = 4;

/** The signals that end a build, and the exit status for each. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * The directory is removed when the build ends, also by a signal. After a
 * SIGKILL the next build in the same place removes it: the lock on a directory
 * ends with its process.
 */
export class Scratch implements Disposable {
  readonly path: string;
  readonly #lock: Descriptor | null;
  readonly #handlers: [Deno.Signal, () => void][];

  constructor(parent: string) {
    sweep(parent);
    [this.path, this.#lock] = make(parent);
    this.#handlers = Object.entries(SIGNALS).map(([name, status]) => [
      name as Deno.Signal,
      () => {
        // Children would continue to write into the directory while it is
        // removed.
        endChildren().then(() => {
          this[Symbol.dispose]();
          Deno.exit(status);
        });
      },
    ]);
    for (const handler of this.#handlers) Deno.addSignalListener(...handler);
  }

  /** The path of a file in the directory. */
  at(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    for (const handler of this.#handlers) Deno.removeSignalListener(...handler);
    removeTree(this.path);
    this.#lock?.close();
  }
}

/**
 * Creates the directory and locks it. There is no lock on a file system without
 * locks (NFS).
 */
function make(parent: string): [path: string, lock: Descriptor | null] {
  for (;;) {
    const path = Deno.makeTempDirSync({
      dir: parent,
      prefix: ".container-",
      suffix: ".tmp",
    });
    const lock = lockOf(path);
    // Another build may have swept the directory before it was locked.
    if (lock !== "gone") return [path, lock];
  }
}

function sweep(parent: string): void {
  for (const { name, isDirectory } of [...Deno.readDirSync(parent)]) {
    if (!isDirectory || !NAME.test(name)) continue;
    const path = join(parent, name);
    if (Deno.lstatSync(path).uid !== Deno.uid()) continue;
    const lock = lockOf(path);
    if (lock === null || lock === "gone") continue;
    using _held = lock;
    removeTree(path);
  }
}

/**
 * The lock on a directory; null if another process has it or there are no
 * locks.
 */
function lockOf(path: string): Descriptor | "gone" | null {
  try {
    const directory = open(path, O.O_RDONLY | O.O_DIRECTORY | O.O_NOFOLLOW);
    try {
      syscall("flock", directory.fd, LOCK_EX | LOCK_NB);
      Deno.lstatSync(path);
      return directory;
    } catch (error) {
      directory.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "gone";
    if (!(error instanceof SyscallError)) throw error;
    return error.code === "ENOENT" ? "gone" : null;
  }
}
