/** The extended attributes of a file, listxattr(2). */

import { ERRNO } from "../../ffi/errno.ts";
import {
  getAttribute,
  listAttributes,
  type Place,
} from "../../ffi/files/files.ts";
import { type ByteString, byteString, nameOf } from "../tar/byte_string.ts";

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h. */
const BUFFER = new Uint8Array(1 << 16);

/**
 * The names and values, in the order of their bytes. A file system without
 * attributes has none. Returns -errno after a failure.
 */
export function readAttributes(
  place: Place,
): Map<ByteString, Uint8Array> | number {
  const length = listAttributes(place, BUFFER);
  if (length === -ERRNO.EOPNOTSUPP) return new Map();
  if (length < 0) return length;
  if (length === 0) return new Map();
  const names = byteString(BUFFER, 0, length - 1).split("\0").sort();
  const found = new Map<ByteString, Uint8Array>();
  for (const name of names) {
    const size = getAttribute(place, nameOf(name), BUFFER);
    // The list shows names that this process may not read, such as trusted.*.
    if (size === -ERRNO.ENODATA || size === -ERRNO.EPERM) continue;
    if (size < 0) return size;
    found.set(name, BUFFER.slice(0, size));
  }
  return found;
}
