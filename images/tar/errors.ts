/** Errors about layers: each names the entry of the archive, or the path. */

import { type Errno, errnoName, errnoText } from "../../ffi/errno.ts";
import { ContainerError } from "../../spec/errors.ts";
import { type ByteString, shown } from "./byte_string.ts";

/** A layer that cannot be unpacked, finished or written. */
export class LayerError extends ContainerError {
  /** The name of the class. */
  override name = "LayerError";
}

const DAMAGED =
  "The layer is damaged, or was written by a faulty program. Get it again, or build the image again.";

/** An archive that is not a tar file, or ends too early. */
export class ArchiveError extends LayerError {
  /** The name of the class. */
  override name = "ArchiveError";
  /** What is wrong, for a message that says more. */
  constructor(readonly fault: string, readonly after?: ByteString) {
    super(
      `Cannot read the layer${
        after === undefined ? "" : ` after the entry ${quoted(after)}`
      }: ${fault}`,
      { hint: DAMAGED },
    );
  }
}

/** The bytes are not what the format asks for. */
export const damaged = (fault: string, after?: ByteString): ArchiveError =>
  new ArchiveError(fault, after);

/** More of a name does not help the reader. */
const MOST_SHOWN = 300;

/** A name in a message. */
export function quoted(name: ByteString): string {
  if (name.length <= MOST_SHOWN) return JSON.stringify(shown(name));
  const half = MOST_SHOWN / 2;
  return JSON.stringify(
    `${shown(name.slice(0, half))}…${shown(name.slice(-half))}`,
  );
}

/** An entry that this program refuses. */
export const refused = (
  entry: ByteString,
  cause: string,
  hint = "Use an image from a source that you trust, or build it again.",
): LayerError =>
  new LayerError(`Cannot unpack the entry ${quoted(entry)}: ${cause}`, {
    hint,
  });

/** A deletion on a file system that refuses its mark, as an overlay does. */
export const noDeletions = (entry: ByteString): LayerError =>
  refused(
    entry,
    "the file system of the store cannot keep deletions (EPERM)",
    "Keep the store on ext4, xfs, btrfs or tmpfs, and not on an overlay. See --store.",
  );

/** Hints for errors of system calls. */
const HINTS: Partial<Record<Errno, string>> = {
  ENOSPC: "Free some space, or move the store with --store.",
  EDQUOT: "Free some space, or move the store with --store.",
  EOPNOTSUPP:
    "Keep the store on a file system with extended attributes, such as ext4, xfs or btrfs. See --store.",
  EINVAL: DAMAGED,
  ENOENT: DAMAGED,
  EIO: "Check the disk, or name another directory with --store.",
  EPERM:
    "The store must be on a file system that keeps all that a layer has, such as ext4, xfs or btrfs, and not on an overlay. See --store.",
  EFBIG:
    "Keep the store on a file system that takes larger files, such as xfs. See --store.",
  EROFS: "Keep the store on a file system that is not read-only. See --store.",
  ENAMETOOLONG:
    "Linux allows 255 bytes for each part of a path. Build the image with shorter names.",
  ELOOP:
    "The links of the image lead in a circle, or through too many others. Build the image again.",
  EMLINK:
    "Keep the store on a file system that allows more hard links. See --store.",
};

/** A system call that failed for an entry. @param result -errno */
export function entryError(
  entry: ByteString,
  call: string,
  result: number,
): LayerError {
  const code = errnoName(-result);
  return new LayerError(
    `Cannot unpack the entry ${quoted(entry)}: ${call}: ${errnoText(code)}`,
    { hint: HINTS[code as Errno] },
  );
}

/** A system call that failed for a path of a layer. @param result -errno */
export function pathError(
  action: string,
  path: ByteString,
  call: string,
  result: number,
): LayerError {
  const code = errnoName(-result);
  return new LayerError(
    `Cannot ${action} ${quoted(path === "" ? "/" : path)}: ${call}: ${
      errnoText(code)
    }`,
    { hint: HINTS[code as Errno] },
  );
}
