/**
 * Makes something in a directory, in place of what is there: in docker and
 * podman a later entry replaces an earlier one of the same name. Runs in the
 * process that unpacks.
 */

import { ERRNO } from "../../ffi/errno.ts";
import { S_IF, statusAt, unlinkAt } from "../../ffi/files/files.ts";
import { check } from "./attributes.ts";
import { type ByteString, nameOf, splitPath } from "../tar/byte_string.ts";
import type { Directories, OpenDirectory } from "./directories.ts";
import { entryError, refused } from "../tar/errors.ts";
import { removeTree } from "./remove_tree.ts";
import type { Entry } from "../tar/tar_format.ts";
import type { LateLink } from "./unpack_options.ts";

/** Links to layers below are kept in memory. */
const MOST_LATE_BYTES = 1 << 24;

/** What a layer has at its paths. */
export class Placing {
  readonly #directories: Directories;
  readonly #late = new Map<ByteString, ByteString>();
  #lateBytes = 0;

  constructor(directories: Directories) {
    this.#directories = directories;
  }

  /** The links whose targets are not in this layer, in their order. */
  get links(): LateLink[] {
    return [...this.#late].map(([path, target]) => ({ path, target }));
  }

  /** A path is a link that waits for the layers below. */
  isLate(path: ByteString): boolean {
    return this.#late.has(path);
  }

  /** A path gets another entry. */
  dropLink(path: ByteString): void {
    if (this.#late.size) this.#late.delete(path);
  }

  /** Notes a link whose target is in a layer below. */
  linkLater(path: ByteString, target: ByteString, entry: Entry): void {
    if (path === target) throw refused(entry.name, "it is a link to itself");
    this.#lateBytes += path.length + target.length;
    if (this.#lateBytes > MOST_LATE_BYTES) {
      throw refused(
        entry.name,
        "the layer has too many hard links to layers below it",
      );
    }
    this.#late.set(path, target);
  }

  /** As makeIn(), for a call that returns a descriptor. */
  make(
    parent: OpenDirectory,
    path: ByteString,
    entry: Entry,
    call: string,
    act: (directory: number) => number,
  ): number {
    const result = act(parent.fd);
    if (result < 0) return this.#again(parent, path, entry, call, result, act);
    parent.touched = true;
    return result;
  }

  /** Makes something; removes what was there. Returns its directory. */
  makeIn(
    parent: OpenDirectory,
    path: ByteString,
    entry: Entry,
    call: string,
    act: (directory: number) => number,
  ): OpenDirectory {
    this.make(parent, path, entry, call, act);
    return this.#directories.at(splitPath(path)[0], entry);
  }

  #again(
    parent: OpenDirectory,
    path: ByteString,
    entry: Entry,
    call: string,
    result: number,
    act: (directory: number) => number,
  ): number {
    if (result !== -ERRNO.EEXIST) throw entryError(entry.name, call, result);
    const [above, base] = splitPath(path);
    const name = nameOf(base);
    const there = statusAt(parent.fd, name);
    parent.touched = true;
    if (
      typeof there !== "number" &&
      (there.mode & S_IF.mask) !== S_IF.directory
    ) {
      check(entry, "unlinkat", unlinkAt(parent.fd, name));
      // Paths may lead through the link that is gone.
      if ((there.mode & S_IF.mask) === S_IF.link) this.#directories.forget();
    } else {
      this.#directories.forget();
      const { fd } = this.#directories.at(above, entry);
      const { implied } = this.#directories;
      removeTree(fd, base, (inode) => implied.delete(inode));
      this.#forgetLinks(`${path}/`);
    }
    const again = this.#directories.at(above, entry);
    again.touched = true;
    return check(entry, call, act(again.fd));
  }

  /** Links that were to be made in a directory that is gone. */
  #forgetLinks(start: ByteString): void {
    for (const path of [...this.#late.keys()]) {
      if (path.startsWith(start)) this.#late.delete(path);
    }
  }
}
