/** Owners, modes, extended attributes and times of files. */

import { ERRNO } from "../../ffi/errno.ts";
import {
  changeMode,
  changeOwner,
  type Place,
  setAttribute,
  setTimes,
} from "../../ffi/files/files.ts";
import { bytesOf, type ByteString, nameOf } from "../tar/byte_string.ts";
import { entryError, LayerError, quoted, refused } from "../tar/errors.ts";
import { isDropped, NODE } from "./overlay_marks.ts";
import type { Entry } from "../tar/tar_format.ts";
import type { Lost } from "./unpack_options.ts";

/** Inherited by what is made in a directory, so it is set last. */
const DEFAULT_ACL = "system.posix_acl_default";

/** The largest amount of attributes that have to wait. */
const MOST_LATE_BYTES = 1 << 22;

/** An attribute that is set when everything is there. */
export interface LateAttribute {
  path: ByteString;
  name: ByteString;
  value: Uint8Array;
}

/** What this process gives to new files. */
export interface ProcessIds {
  uid: number;
  gid: number;
  umask: number;
}

/** Gives files what their entries say. */
export class Attributes {
  readonly #owners: boolean;
  readonly #uid: number;
  readonly #gid: number;
  /** The modes that open(2) sets as they are. */
  readonly #masked: number;
  readonly late: LateAttribute[] = [];
  #lateBytes = 0;
  readonly lost: Lost = { devices: 0, owners: 0, attributes: 0 };

  /**
   * @param owners whether files get the owner of their entry
   * @param process the IDs and the umask of this process
   */
  constructor(owners: boolean, { uid, gid, umask }: ProcessIds) {
    this.#owners = owners;
    this.#uid = uid;
    this.#gid = gid;
    this.#masked = umask | 0o7000;
  }

  /** The mode for open(2); setFile() changes it if that is not enough. */
  openMode(entry: Entry): number {
    return entry.mode & ~this.#masked;
  }

  /**
   * Sets everything of an open file or directory but its time. The owner comes
   * first: a change of the owner takes setuid bits and capabilities away.
   *
   * @param made the mode that it has
   * @param owned it has its owner already
   */
  setOpen(
    fd: number,
    entry: Entry,
    path: ByteString,
    made: number,
    owned: boolean,
  ): void {
    if (!owned) {
      this.setOwner(entry, () => changeOwner(fd, entry.uid, entry.gid));
    }
    if (entry.mode !== made) check(entry, "fchmod", changeMode(fd, entry.mode));
    this.attributes(fd, entry, path);
  }

  /**
   * What is made in a directory of this group has the owner of its entry: no
   * setgid bit and no mount option (grpid) can give it another one.
   */
  isOwned({ uid, gid }: Entry, above: number): boolean {
    return this.#owners && uid === this.#uid && gid === this.#gid &&
      above === gid;
  }

  /** Sets the owner. @param change makes the call */
  setOwner(entry: Entry, change: () => number): void {
    if (this.#owners) this.owner(entry, change());
    else this.#countOwner(entry);
  }

  #countOwner({ uid, gid }: Entry): void {
    if (uid || gid) this.lost.owners++;
  }

  /** Checks the result of a change of the owner. */
  owner(entry: Entry, result: number): void {
    if (result === 0) return;
    // chown(2) in a user namespace, for an ID that is not mapped.
    if (result === -ERRNO.EINVAL) {
      throw new LayerError(
        `Cannot unpack the entry ${quoted(entry.name)}: its owner ` +
          `${entry.uid}:${entry.gid} is not one of your IDs`,
        { hint: "Add ranges to /etc/subuid and /etc/subgid with usermod." },
      );
    }
    throw entryError(entry.name, "chown", result);
  }

  /** Sets the extended attributes. */
  attributes(place: Place, entry: Entry, path: ByteString): void {
    for (const [name, value] of entry.attributes ?? []) {
      if (isDropped(name)) continue;
      if (name === DEFAULT_ACL) this.#later(path, name, value);
      else this.#set(place, entry.name, name, value);
    }
  }

  /** Notes on an empty file which device it stands for. */
  placeholder(fd: number, entry: Entry): void {
    const { kind, device: { major, minor } } = entry;
    const value = bytesOf(`${kind[0]} ${major} ${minor}`);
    check(entry, "setxattr", setAttribute(fd, nameOf(NODE), value));
    this.lost.devices++;
  }

  #later(path: ByteString, name: ByteString, value: Uint8Array): void {
    this.#lateBytes += path.length + value.length;
    if (this.#lateBytes > MOST_LATE_BYTES) {
      throw refused(path, "the layer has too many access control lists");
    }
    this.late.push({ path, name, value });
  }

  /** Sets one attribute. */
  #set(
    place: Place,
    entry: ByteString,
    name: ByteString,
    value: Uint8Array,
  ): void {
    if (name === "" || name.includes("\0")) return;
    const result = setAttribute(place, nameOf(name), value);
    switch (-result) {
      case 0:
        return;
      // A namespace of attributes that this process may not set, or that this
      // kind of file or file system does not have. docker ignores it as well.
      case ERRNO.EPERM:
      case ERRNO.EOPNOTSUPP:
        this.lost.attributes++;
        return;
      case ERRNO.ENOSPC:
      case ERRNO.E2BIG:
      case ERRNO.ERANGE:
        throw refused(
          entry,
          `its extended attributes are too large for the file system`,
          "Keep the store on xfs or btrfs. See --store.",
        );
    }
    throw entryError(entry, `setxattr ${quoted(name)}`, result);
  }

  /** Sets an attribute that had to wait. */
  setLate(fd: number, { path, name, value }: LateAttribute): void {
    this.#set(fd, path, name, value);
  }
}

/** @throws LayerError if a call failed */
export function check(entry: Entry, call: string, result: number): number {
  if (result < 0) throw entryError(entry.name, call, result);
  return result;
}

/** Sets the time of an open file. */
export const setTime = (fd: number, entry: Entry): void => {
  check(entry, "utimensat", setTimes(fd, entry.modified));
};
