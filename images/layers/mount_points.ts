/**
 * Which changes of a container are only places for its mounts, which its start
 * has made: empty files and directories, and the time of the directory that they
 * are in. They belong to neither `diff` nor `commit`. Runs in the process that
 * unpacks.
 */

import { close, openAt, S_IF, type Status } from "../../ffi/files/files.ts";
import { type ByteString, nameOf, splitPath } from "../tar/byte_string.ts";
import { DIRECTORY } from "./directories.ts";
import { sortedEntries } from "./directory_entries.ts";
import { type Found, MergedTree } from "./merged_tree.ts";
import { isOpaque } from "./overlay_marks.ts";

const typeOf = ({ mode }: Status) => mode & S_IF.mask;

/**
 * The paths in an upper directory that are no changes.
 *
 * @param lowers the layers of the image, the top first
 * @param places where the container has mounts, as absolute paths
 * @throws LayerError if something cannot be read
 */
export function mountPointsIn(
  upper: string,
  lowers: readonly string[],
  places: readonly ByteString[],
): Set<ByteString> {
  using own = new MergedTree([upper]);
  using below = new MergedTree(lowers);
  const found = new Set<ByteString>();
  /** The directories in which mount points were made, the deepest first. */
  const above: ByteString[] = [];
  const paths = places.map((place) =>
    place.split("/").filter(Boolean).join("/")
  )
    .filter(Boolean).sort().reverse();
  for (const path of paths) {
    using file = own.find(path, { links: false });
    using lower = below.find(path, { links: false });
    if (!file || lower || !isEmpty(file, found)) continue;
    found.add(path);
    above.push(path);
  }
  for (const path of above) {
    const [directory] = splitPath(path);
    if (directory === "" || found.has(directory)) continue;
    using file = own.find(directory, { links: false });
    using lower = below.find(directory, { links: false });
    if (!file || !isEmpty(file, found)) continue;
    if (lower && !isSame(file.status, lower.status)) continue;
    found.add(directory);
    // Its own directory may have nothing else either.
    above.push(directory);
  }
  return found;
}

const isSame = (one: Status, other: Status) =>
  one.mode === other.mode && one.uid === other.uid && one.gid === other.gid;

/** Whether a file has no content, but for mount points. */
function isEmpty(
  { path, directory, name, status }: Found,
  found: ReadonlySet<ByteString>,
): boolean {
  if (typeOf(status) === S_IF.regular) return status.size === 0;
  if (typeOf(status) !== S_IF.directory) return false;
  const fd = openAt(directory, nameOf(name), DIRECTORY);
  if (fd < 0) return false;
  try {
    const entries = sortedEntries(fd);
    return typeof entries !== "number" && !isOpaque(fd) &&
      entries.every(({ name }) => found.has(`${path}/${name}`));
  } finally {
    close(fd);
  }
}
