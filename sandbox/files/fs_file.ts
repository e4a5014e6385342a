/**
 * An open file of a sandbox. The helper has opened it and passed its descriptor
 * on. Runs on the host, in the program's process.
 */

import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { AT_EMPTY_PATH, type Descriptor, LOCK } from "../../ffi/fcntl.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import type { SyscallName } from "../../ffi/numbers.ts";
import { cString } from "../../ffi/memory.ts";
import { setTimes } from "./calls.ts";
import { failure } from "./failures.ts";
import {
  type FileInfo,
  parseStatx,
  STATX_ALL,
  STATX_SIZE,
} from "./file_info.ts";
import type { FileHelper } from "./exchange.ts";
import { timesOf } from "./times.ts";
import { readSome, writeSome, writeWhole } from "./transfer_bytes.ts";

/** Where a position of {@linkcode FsFile.seek} counts from. */
export enum SeekMode {
  /** From the start of the file. */
  Start = 0,
  /** From the current position. */
  Current = 1,
  /** From the end of the file. */
  End = 2,
}

/** Keeps the constructor of {@linkcode FsFile} to this file. */
const own = Symbol();

const LOCK_UN = 8;
/** How often a lock that another process has is asked for, in milliseconds. */
const LOCK_PAUSE = { first: 1, longest: 50 } as const;
const CHUNK = 65536;

/** An open file of a sandbox. */
export class FsFile implements AsyncDisposable {
  readonly #descriptor: Descriptor;
  readonly #path: string;
  readonly #helper: FileHelper;
  #closed = false;

  /** @internal */
  constructor(
    symbol: symbol,
    descriptor: Descriptor,
    path: string,
    helper: FileHelper,
  ) {
    if (symbol !== own) {
      throw new TypeError(
        "Cannot make an FsFile: use fs.open() or fs.create()",
      );
    }
    this.#descriptor = descriptor;
    this.#path = path;
    this.#helper = helper;
  }

  /** @internal */
  static of(descriptor: Descriptor, path: string, helper: FileHelper): FsFile {
    return new FsFile(own, descriptor, path, helper);
  }

  /** Its content from the current position, as a stream that closes it. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      type: "bytes",
      pull: async (controller) => {
        const bytes = new Uint8Array(CHUNK);
        const count = await this.read(bytes);
        if (count) return controller.enqueue(bytes.subarray(0, count));
        await this.close();
        controller.close();
        controller.byobRequest?.respond(0);
      },
      cancel: () => this.close(),
    }, { highWaterMark: 0 });
  }

  /** Takes what is written from the current position, and closes it at the end. */
  get writable(): WritableStream<Uint8Array<ArrayBuffer>> {
    return new WritableStream({
      write: (chunk) =>
        writeWhole(`write ${this.#path}`, this.#fd("write"), chunk),
      close: () => this.close(),
      abort: () => this.close(),
    });
  }

  #fd(action: string): number {
    if (!this.#closed) return this.#descriptor.fd;
    throw new Deno.errors.BadResource(
      `Cannot ${action} ${this.#path}: the file is closed`,
    );
  }

  #call(
    action: string,
    name: SyscallName,
    ...args: (number | bigint | Uint8Array)[]
  ): number {
    const result = rawSyscall(name, this.#fd(action), ...args);
    if (result >= 0) return result;
    throw failure(`${action} ${this.#path}`, errnoName(-result));
  }

  /** Writes some of the bytes; returns how many. write(2) */
  // deno-lint-ignore require-await -- A closed file rejects.
  async write(p: Uint8Array): Promise<number> {
    return writeSome(`write ${this.#path}`, this.#fd("write"), p);
  }

  /** Reads some bytes; returns how many, null at the end. read(2) */
  async read(p: Uint8Array): Promise<number | null> {
    if (!p.length) return 0;
    return await readSome(`read ${this.#path}`, this.#fd("read"), p) || null;
  }

  /** Changes its length, by default to 0. ftruncate(2) */
  // deno-lint-ignore require-await -- An error rejects.
  async truncate(len = 0): Promise<void> {
    this.#call("truncate", "ftruncate", len);
  }

  /** Moves the position; returns it, from the start. lseek(2) */
  // deno-lint-ignore require-await -- An error rejects.
  async seek(offset: number | bigint, whence: SeekMode): Promise<number> {
    return this.#call("seek in", "lseek", BigInt(offset), whence);
  }

  /** Information about the file. statx(2) */
  // deno-lint-ignore require-await -- An error rejects.
  async stat(): Promise<FileInfo> {
    const status = new Uint8Array(STATX_SIZE);
    this.#call(
      "examine",
      "statx",
      cString(""),
      AT_EMPTY_PATH,
      STATX_ALL,
      status,
    );
    return parseStatx(status);
  }

  /** Writes everything to the disk. fsync(2) */
  // deno-lint-ignore require-await -- An error rejects.
  async sync(): Promise<void> {
    this.#call("sync", "fsync");
  }

  /** Writes the content to the disk. fdatasync(2) */
  // deno-lint-ignore require-await -- An error rejects.
  async syncData(): Promise<void> {
    this.#call("sync", "fdatasync");
  }

  /** Sets its times, in seconds or as dates. utimensat(2) */
  async utime(atime: number | Date, mtime: number | Date): Promise<void> {
    this.#fd("set the times of");
    await setTimes(
      this.#helper,
      `set the times of ${this.#path}`,
      this.#descriptor,
      timesOf(atime, mtime),
    );
  }

  /**
   * Takes an advisory lock, which others can share unless it is exclusive. Waits
   * for as long as another process has it. flock(2)
   */
  async lock(exclusive = false): Promise<void> {
    const kind = exclusive ? LOCK.exclusive : LOCK.shared;
    for (let pause: number = LOCK_PAUSE.first;; pause *= 2) {
      const result = rawSyscall("flock", this.#fd("lock"), kind | LOCK.atOnce);
      if (result >= 0) return;
      if (-result !== ERRNO.EAGAIN) {
        throw failure(`lock ${this.#path}`, errnoName(-result));
      }
      const time = Math.min(pause, LOCK_PAUSE.longest);
      await new Promise((resolve) => setTimeout(resolve, time));
    }
  }

  /** Gives the lock back. */
  // deno-lint-ignore require-await -- An error rejects.
  async unlock(): Promise<void> {
    this.#call("unlock", "flock", LOCK_UN);
  }

  /** Closes the file. */
  close(): Promise<void> {
    this.#closed = true;
    this.#descriptor.close();
    return Promise.resolve();
  }

  /** As {@linkcode FsFile.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
