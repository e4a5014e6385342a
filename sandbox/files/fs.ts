/**
 * The files of a sandbox, with the methods of `@deno/sandbox`, which are those
 * of Deno. Relative paths start at `/home/sandbox`. Runs on the host, in the
 * program's process; the helper does the work inside.
 */

import { AT_FDCWD, O } from "../../ffi/fcntl.ts";
import {
  callWith,
  O_TRUNC,
  type Opened,
  openFile,
  readLinkOf,
  readOrOpen,
  realPathOf,
  removeFile,
  setUmask,
  statFile,
  truncateFile,
  writeSmall,
} from "./calls.ts";
import { entriesOf } from "./entries.ts";
import type { DirEntry, FileInfo } from "./file_info.ts";
import type {
  ExpandGlobOptions,
  MakeTempOptions,
  MkdirOptions,
  OpenOptions,
  ReadFileOptions,
  RemoveOptions,
  WalkOptions,
  WriteFileOptions,
} from "./file_options.ts";
import { FsFile } from "./fs_file.ts";
import type { FileHelper } from "./exchange.ts";
import { codeOf, flagsOf, piecesOf, writeFlags } from "./open_flags.ts";
import { inside, plain } from "./paths.ts";
import { MOST_DATA } from "./request.ts";
import { timesOf } from "./times.ts";
import { copyWhole, readWhole, writeWhole } from "./transfer_bytes.ts";
import { expandGlob, walk, type WalkEntry } from "./walk.ts";
import { download, upload } from "./transfer.ts";

/** AT_SYMLINK_NOFOLLOW is not among the flags: links are followed. */
const FOLLOW = 0;
const KEEP_ID = 0xffff_ffff;

/** Names of temporary files that exist already, before one gives up. */
const MOST_TRIES = 100;

/** The files of a sandbox. Errors are of the classes that Deno has for them. */
export class SandboxFs {
  readonly #helper: FileHelper;

  /** @internal */
  constructor(helper: FileHelper) {
    this.#helper = helper;
  }

  /** The content of a file. */
  async readFile(
    path: string | URL,
    { signal }: ReadFileOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    signal?.throwIfAborted();
    const what = `read ${inside(path)}`;
    const found = await readOrOpen(this.#helper, what, inside(path));
    if (found instanceof Uint8Array) return found;
    using descriptor = found.descriptor;
    return await readWhole(what, descriptor.fd, found.info.size, signal);
  }

  /** The content of a file as text (UTF-8). */
  async readTextFile(
    path: string | URL,
    options?: ReadFileOptions,
  ): Promise<string> {
    return new TextDecoder().decode(await this.readFile(path, options));
  }

  /** Writes a file, by default in place of its content. */
  async writeFile(
    path: string | URL,
    data: Uint8Array | ReadableStream<Uint8Array>,
    options: WriteFileOptions = {},
  ): Promise<void> {
    const { mode, signal } = options;
    signal?.throwIfAborted();
    const what = `write ${inside(path)}`;
    const flags = writeFlags(options);
    const first = flags & O.O_CREAT ? mode ?? 0o666 : 0;
    if (data instanceof Uint8Array && data.length <= MOST_DATA) {
      return await writeSmall(this.#helper, what, inside(path), {
        ...{ bytes: data, flags, mode: first, always: mode },
      });
    }
    const { descriptor } = await openFile(
      this.#helper,
      what,
      inside(path),
      O.O_WRONLY | flags,
      first,
    );
    using file = descriptor;
    if (mode !== undefined) await this.chmod(path, mode);
    const pieces = data instanceof Uint8Array ? piecesOf(data) : data;
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      await writeWhole(what, file.fd, piece);
    }
  }

  /** Writes a text (UTF-8) into a file, by default in place of its content. */
  async writeTextFile(
    path: string | URL,
    data: string | ReadableStream<string>,
    options?: WriteFileOptions,
  ): Promise<void> {
    await this.writeFile(
      path,
      typeof data === "string"
        ? new TextEncoder().encode(data)
        : data.pipeThrough(new TextEncoderStream()),
      options,
    );
  }

  /** Opens a file. */
  async open(
    path: string | URL,
    options: OpenOptions = { read: true },
  ): Promise<FsFile> {
    const flags = flagsOf(options);
    const mode = flags & O.O_CREAT ? options.mode ?? 0o666 : 0;
    const { descriptor } = await this.#open("open", path, flags, mode);
    return FsFile.of(descriptor, inside(path), this.#helper);
  }

  /** Makes a file, or removes the content of one, and opens it. */
  create(path: string | URL): Promise<FsFile> {
    return this.open(path, {
      ...{ read: true, write: true, create: true, truncate: true },
    });
  }

  #open(
    action: string,
    path: string | URL,
    flags: number,
    mode = 0,
  ): Promise<Opened> {
    const whole = inside(path);
    return openFile(this.#helper, `${action} ${whole}`, whole, flags, mode);
  }

  /** The entries of a directory. */
  readDir(path: string | URL): AsyncIterable<DirEntry> {
    const whole = inside(path);
    return entriesOf(this.#helper, `read the directory ${whole}`, whole);
  }

  /** Removes a file or an empty directory. */
  async remove(
    path: string | URL,
    { recursive = false }: RemoveOptions = {},
  ): Promise<void> {
    const whole = inside(path);
    const remove = () => removeFile(this.#helper, `remove ${whole}`, whole);
    try {
      return await remove();
    } catch (error) {
      if (!recursive || codeOf(error) !== "ENOTEMPTY") throw error;
    }
    for await (const { name } of this.readDir(whole)) {
      await this.remove(`${whole}/${name}`, { recursive });
    }
    await remove();
  }

  /** Makes a directory. */
  async mkdir(
    path: string | URL,
    { recursive = false, mode = 0o777 }: MkdirOptions = {},
  ): Promise<void> {
    const whole = inside(path);
    const what = `make the directory ${whole}`;
    const make = () =>
      callWith(this.#helper, what, "mkdirat", [AT_FDCWD, whole, mode]);
    try {
      return await make();
    } catch (error) {
      const code = codeOf(error);
      if (!recursive) throw error;
      if (code === "EEXIST" && (await this.stat(whole)).isDirectory) return;
      const above = whole.replace(/\/+[^/]*\/*$/, "");
      if (code !== "ENOENT" || above === "") throw error;
      await this.mkdir(above, { recursive, mode });
    }
    await make();
  }

  /** Renames a file or a directory; what is at the new path is replaced. */
  async rename(oldPath: string | URL, newPath: string | URL): Promise<void> {
    const [from, to] = [inside(oldPath), inside(newPath)];
    await this.#call(`rename ${from} to ${to}`, "renameat2", [
      ...[AT_FDCWD, from],
      ...[AT_FDCWD, to, 0],
    ]);
  }

  /** Makes another name for a file. */
  async link(target: string | URL, path: string | URL): Promise<void> {
    const [from, to] = [inside(target), inside(path)];
    await this.#call(`link ${from} to ${to}`, "linkat", [
      ...[AT_FDCWD, from],
      ...[AT_FDCWD, to, 0],
    ]);
  }

  /** Makes a symbolic link. */
  async symlink(
    target: string | URL,
    path: string | URL,
    _options?: { type?: "file" | "dir" | "junction" },
  ): Promise<void> {
    const whole = inside(path);
    await this.#call(`make the link ${whole}`, "symlinkat", [
      ...[plain(target), AT_FDCWD, whole],
    ]);
  }

  #call(
    what: string,
    name: Parameters<typeof callWith>[2],
    args: Parameters<typeof callWith>[3],
  ): Promise<void> {
    return callWith(this.#helper, what, name, args);
  }

  /** The target of a symbolic link. */
  // deno-lint-ignore require-await -- A wrong path rejects.
  async readLink(path: string | URL): Promise<string> {
    const whole = inside(path);
    return readLinkOf(this.#helper, `read the link ${whole}`, whole);
  }

  /** The path without symbolic links. */
  // deno-lint-ignore require-await -- A wrong path rejects.
  async realPath(path: string | URL): Promise<string> {
    const whole = inside(path);
    return realPathOf(this.#helper, `find ${whole}`, whole);
  }

  /** Information about what a path leads to. */
  stat(path: string | URL): Promise<FileInfo> {
    return this.#stat(path, true);
  }

  /** Information about a path; of a link, about the link. */
  lstat(path: string | URL): Promise<FileInfo> {
    return this.#stat(path, false);
  }

  // deno-lint-ignore require-await -- A wrong path rejects.
  async #stat(path: string | URL, follow: boolean): Promise<FileInfo> {
    const whole = inside(path);
    return statFile(this.#helper, `examine ${whole}`, whole, { follow });
  }

  /** Changes the permissions of a file. */
  async chmod(path: string | URL, mode: number): Promise<void> {
    const whole = inside(path);
    await this.#call(`change the mode of ${whole}`, "fchmodat", [
      ...[AT_FDCWD, whole, mode],
    ]);
  }

  /** Changes the owner of a file, which only root of a sandbox may do. */
  async chown(
    path: string | URL,
    uid: number | null,
    gid: number | null,
  ): Promise<void> {
    const whole = inside(path);
    await this.#call(`change the owner of ${whole}`, "fchownat", [
      ...[AT_FDCWD, whole, uid ?? KEEP_ID, gid ?? KEEP_ID, FOLLOW],
    ]);
  }

  /** Sets the times of a file, in seconds or as dates. */
  async utime(
    path: string | URL,
    atime: number | Date,
    mtime: number | Date,
  ): Promise<void> {
    const whole = inside(path);
    await this.#call(`set the times of ${whole}`, "utimensat", [
      ...[AT_FDCWD, whole, timesOf(atime, mtime), FOLLOW],
    ]);
  }

  /** Changes the length of a file, by default to 0. */
  async truncate(name: string | URL, len = 0): Promise<void> {
    const whole = inside(name);
    await truncateFile(this.#helper, `truncate ${whole}`, whole, len);
  }

  /** Copies the content and the permissions of a file. */
  async copyFile(fromPath: string | URL, toPath: string | URL): Promise<void> {
    const from = await this.#open("copy", fromPath, O.O_RDONLY);
    using source = from.descriptor;
    const mode = from.info.mode & 0o777;
    const to = await this.#open(
      "copy to",
      toPath,
      O.O_WRONLY | O.O_CREAT | O_TRUNC,
      mode,
    );
    using target = to.descriptor;
    const what = `copy ${inside(fromPath)} to ${inside(toPath)}`;
    await copyWhole(what, source.fd, target.fd);
  }

  /** Sets the permissions that new files do not get; returns the earlier ones. */
  umask(mask?: number): Promise<number> {
    return setUmask(this.#helper, mask);
  }

  /** Makes a directory with a new name, for the sandbox's user only. */
  makeTempDir(options: MakeTempOptions = {}): Promise<string> {
    return this.#temporary(
      options,
      (path) => this.mkdir(path, { mode: 0o700 }),
    );
  }

  /** Makes a file with a new name, for the sandbox's user only. */
  makeTempFile(options: MakeTempOptions = {}): Promise<string> {
    return this.#temporary(
      options,
      (path) =>
        this.writeFile(path, new Uint8Array(), {
          ...{ createNew: true, mode: 0o600 },
        }),
    );
  }

  async #temporary(
    { dir = "/tmp", prefix = "", suffix = "" }: MakeTempOptions,
    make: (path: string) => Promise<void>,
  ): Promise<string> {
    if (/[/\0]/.test(prefix + suffix)) {
      throw new TypeError("Cannot use a prefix or suffix with a slash");
    }
    for (let tries = 0;; tries++) {
      const name = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
      const path = `${inside(dir)}/${prefix}${name}${suffix}`;
      try {
        await make(path);
        return path;
      } catch (error) {
        if (codeOf(error) !== "EEXIST" || tries >= MOST_TRIES) throw error;
      }
    }
  }

  /** The path and everything below it. */
  walk(
    path: string | URL,
    options?: WalkOptions,
  ): AsyncIterableIterator<WalkEntry> {
    return walk(this, plain(path), options);
  }

  /** The paths that match a pattern of a shell. */
  expandGlob(
    glob: string | URL,
    options?: ExpandGlobOptions,
  ): AsyncIterableIterator<WalkEntry> {
    return expandGlob(this, plain(glob), options);
  }

  /**
   * Copies a file of this machine to a path inside, or a directory into a
   * directory inside.
   */
  upload(localPath: string | URL, sandboxPath: string | URL): Promise<void> {
    return upload(this, localPath, sandboxPath);
  }

  /**
   * Copies a file of the sandbox to a path of this machine, or a directory into
   * a directory of this machine. A link that leads out of the directory is left
   * out, and so is everything that is neither a file, a directory nor a link.
   */
  download(sandboxPath: string | URL, localPath: string | URL): Promise<void> {
    return download(this, sandboxPath, localPath);
  }
}
