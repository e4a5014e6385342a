/**
 * How overlayfs marks what a layer deletes, and which extended attributes are
 * its own or ours. With the mount option userxattr the names begin with `user.`,
 * which a process in a user namespace may set. See filesystems/overlayfs.rst in
 * the kernel's documentation.
 */

import {
  getAttribute,
  makeNodeAt,
  type Place,
  S_IF,
  setAttribute,
  type Status,
} from "../../ffi/files/files.ts";
import { bytesOf, type ByteString, nameOf } from "../tar/byte_string.ts";

/** On a directory: nothing of the layers below shows through. */
export const OPAQUE = "user.overlay.opaque";
const YES = bytesOf("y");

/**
 * On an empty file: it stands for a device node, which a user cannot make.
 * "c 1 3" for /dev/null.
 */
export const NODE = "user.container.node";

const OWN = ["trusted.overlay.", "user.overlay.", NODE];

/**
 * What an archive must not set: the kernel would follow a redirect of overlayfs
 * out of the layer. The labels belong to the policy of this machine.
 */
const DROPPED = [...OWN, "security.selinux", "system.nfs4_acl"];

/** An attribute of an archive is left out. */
export const isDropped = (name: ByteString): boolean =>
  DROPPED.some((start) => name.startsWith(start));

/** An attribute belongs to overlayfs or to this program, not to the file. */
export const isOwn = (name: ByteString): boolean =>
  OWN.some((start) => name.startsWith(start));

/** A file stands for the deletion of the one below it. */
export const isWhiteout = ({ mode, device }: Status): boolean =>
  (mode & S_IF.mask) === S_IF.character && device.major === 0 &&
  device.minor === 0;

/** Makes a whiteout; every user may. Returns -errno after a failure. */
export const makeWhiteout = (directory: number, name: ByteString): number =>
  makeNodeAt(directory, nameOf(name), S_IF.character, { major: 0, minor: 0 });

const OPAQUE_NAME = nameOf(OPAQUE);

/** Hides what is below a directory. Returns -errno after a failure. */
export const makeOpaque = (fd: number): number =>
  setAttribute(fd, OPAQUE_NAME, YES);

const VALUE = new Uint8Array(2);

/** Nothing of the layers below shows through this directory. */
export const isOpaque = (place: Place): boolean =>
  getAttribute(place, OPAQUE_NAME, VALUE) === 1 && VALUE[0] === YES[0];
