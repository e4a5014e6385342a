/** The files of a machine that exists only in memory. Pure. */

import { type Errno, SyscallError } from "../../ffi/errno.ts";
import type { DirectoryEntry, FileInfo, OpenDirectory } from "./world.ts";

/** The kernel follows as many links, path_resolution(7). */
const MAX_LINKS = 40;

/** A file that exists only in memory. */
export interface MadeUpFile {
  /** Default: a link if there is a target, else a regular file. */
  type?: FileInfo["type"];
  /** The content of a regular file. */
  text?: string;
  /** The target of a link. */
  to?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  rdev?: number;
}

const partsOf = (path: string) =>
  path.split("/").filter((part) => part && part !== ".");

const fail = (call: string, code: Errno, path: string): never => {
  throw new SyscallError(call, code, `read ${path}`);
};

/** A tree of files. Directories above a file exist without being named. */
export class MadeUpFiles {
  readonly #files = new Map<string, MadeUpFile>();

  constructor(files: Readonly<Record<string, string | MadeUpFile>>) {
    for (const [path, file] of Object.entries(files)) {
      const parts = partsOf(path);
      for (let count = 0; count < parts.length; count++) {
        const above = `/${parts.slice(0, count).join("/")}`;
        if (!this.#files.has(above)) {
          this.#files.set(above, { type: "directory" });
        }
      }
      this.#files.set(
        `/${parts.join("/")}`,
        typeof file === "string" ? { text: file } : file,
      );
    }
  }

  stat(path: string): FileInfo {
    return this.#info(this.#resolve("stat", path));
  }

  lstat(path: string): FileInfo {
    return this.#info(this.#resolve("lstat", path, { follow: false }));
  }

  realPath(path: string): string {
    return this.#resolve("realpath", path);
  }

  readLink(path: string): string {
    const place = this.#resolve("readlink", path, { follow: false });
    return this.#files.get(place)?.to ?? fail("readlink", "EINVAL", path);
  }

  readText(path: string): string {
    const place = this.#resolve("read", path);
    if (this.#info(place).type === "directory") {
      return fail("read", "EISDIR", path);
    }
    return this.#files.get(place)?.text ?? "";
  }

  readDirectory(path: string): DirectoryEntry[] {
    const place = this.#directory("getdents64", path);
    return this.#below(place).map((below): DirectoryEntry => {
      const { type } = this.#info(below);
      const isPlain = type === "file" || type === "directory" ||
        type === "link";
      return {
        name: below.slice(below.lastIndexOf("/") + 1),
        type: isPlain ? type : "other",
      };
    });
  }

  access(path: string, mode: "exists" | "write", uid: number): boolean {
    try {
      const info = this.stat(path);
      return mode === "exists" || uid === 0 || uid === info.uid;
    } catch {
      return false;
    }
  }

  open(path: string): OpenDirectory {
    const root = this.#directory("open", path);
    const orNull = <T>(read: () => T): T | null => {
      try {
        return read();
      } catch (error) {
        const code = error instanceof SyscallError ? error.code : "";
        if (code === "ENOENT" || code === "ENOTDIR") return null;
        throw error;
      }
    };
    const inside = (path: string, follow = true) =>
      this.#resolve("openat2", path, { root, follow });
    return {
      path: root,
      stat: (path) => orNull(() => this.#info(inside(path))),
      lstat: (path) => orNull(() => this.#info(inside(path, false))),
      readLink: (path) =>
        orNull(() => this.#files.get(inside(path, false))?.to ?? null),
      readText: (path) =>
        orNull(() => {
          const place = inside(path);
          const { type } = this.#info(place);
          return type === "file" ? this.readText(place) : null;
        }),
      hasEntries: (path) => orNull(() => this.#below(inside(path)).length > 0),
      exists: (path) => orNull(() => inside(path)) !== null,
      readFileOnHost: (path, most) =>
        new TextEncoder().encode(this.readText(`${root}/${path}`))
          .subarray(0, most),
      directoryOnHost: (path) =>
        this.#directory(
          "open",
          path.startsWith("/") ? path : `${root}/${path}`,
        ),
      [Symbol.dispose]: () => {},
    };
  }

  #directory(call: string, path: string): string {
    const place = this.#resolve(call, path);
    return this.#info(place).type === "directory"
      ? place
      : fail(call, "ENOTDIR", path);
  }

  #below(place: string): string[] {
    const start = place === "/" ? "/" : `${place}/`;
    return [...this.#files.keys()].filter((path) =>
      path !== place && path.startsWith(start) &&
      !path.slice(start.length).includes("/")
    ).sort();
  }

  #info(place: string): FileInfo {
    const { type, text = "", to, mode, uid = 0, gid = 0, rdev = 0 } = this
      .#files.get(
        place,
      )!;
    const kind = type ?? (to === undefined ? "file" : "link");
    return {
      type: kind,
      mode: mode ?? (kind === "directory" ? 0o755 : 0o644),
      uid,
      gid,
      size: new TextEncoder().encode(text).length,
      dev: 1,
      ino: [...this.#files.keys()].indexOf(place) + 1,
      rdev,
    };
  }

  /** The path without links, path_resolution(7). */
  #resolve(
    call: string,
    path: string,
    { root = "/", follow = true }: { root?: string; follow?: boolean } = {},
  ): string {
    if (!path.startsWith("/") && root === "/") {
      throw new TypeError(`${path}: a World reads absolute paths only`);
    }
    const top = root === "/" ? [] : partsOf(root);
    const rest = partsOf(path);
    let done: string[] = [...top];
    for (let links = 0; rest.length;) {
      const part = rest.shift()!;
      if (part === "..") {
        if (done.length > top.length) done.pop();
        continue;
      }
      const here = `/${[...done, part].join("/")}`;
      const file = this.#files.get(here) ?? fail(call, "ENOENT", path);
      if (file.to !== undefined && (rest.length || follow)) {
        if (++links > MAX_LINKS) fail(call, "ELOOP", path);
        if (file.to.startsWith("/")) done = [...top];
        rest.unshift(...partsOf(file.to));
        continue;
      }
      if (rest.length && file.type !== "directory") {
        fail(call, "ENOTDIR", path);
      }
      done.push(part);
    }
    return `/${done.join("/")}`;
  }
}
