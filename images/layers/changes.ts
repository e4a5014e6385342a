/**
 * What a container has changed in its image, for `diff`. Runs in the process
 * that unpacks.
 */

import { S_IF, type Status } from "../../ffi/files/files.ts";
import type { ByteString } from "../tar/byte_string.ts";
import { MergedTree } from "./merged_tree.ts";
import { isOpaque, isWhiteout } from "./overlay_marks.ts";
import { walkTree } from "./walk_tree.ts";

/** A changed path, as docker's `diff` has it. */
export interface Change {
  /** Added, changed or deleted. */
  kind: "A" | "C" | "D";
  /** From the root, with a slash; its bytes, see shown(). */
  path: ByteString;
}

const isDirectory = ({ mode }: Status) => (mode & S_IF.mask) === S_IF.directory;

/** A directory was copied up only because something in it has changed. */
const isUnchanged = (upper: Status, lower: Status) =>
  isDirectory(upper) && upper.mode === lower.mode &&
  upper.uid === lower.uid && upper.gid === lower.gid &&
  upper.modified.seconds === lower.modified.seconds &&
  upper.modified.nanoseconds === lower.modified.nanoseconds;

/**
 * The changes in an overlay's upper directory, in the order of their paths. Of a
 * deleted directory only the directory is listed.
 *
 * @param lowers the layers of the image, the top first
 * @param ignored paths that are no changes, see mountPointsIn()
 * @throws LayerError if something cannot be read
 */
export function changesOf(
  upper: string,
  lowers: readonly string[],
  ignored: ReadonlySet<ByteString> = new Set(),
): Change[] {
  using tree = new MergedTree(lowers);
  const changes: Change[] = [];
  for (const { path, status, fd } of walkTree(upper)) {
    if (path === "" || ignored.has(path)) continue;
    using below = tree.find(path, { links: false });
    const shown = `/${path}`;
    if (isWhiteout(status)) {
      if (below) changes.push({ kind: "D", path: shown });
      continue;
    }
    if (!below) changes.push({ kind: "A", path: shown });
    else if (!isUnchanged(status, below.status)) {
      changes.push({ kind: "C", path: shown });
    }
    if (fd === null || !below || !isDirectory(below.status)) continue;
    // The directory was deleted and made again.
    if (isOpaque(fd)) changes.push(...missing(tree, path, upper));
  }
  return changes.sort((one, other) =>
    one.path < other.path ? -1 : one.path > other.path ? 1 : 0
  );
}

/** What an opaque directory hides and does not replace. */
function missing(
  tree: MergedTree,
  path: ByteString,
  upper: string,
): Change[] {
  using own = new MergedTree([upper]);
  const here = new Set(own.names(path));
  return (tree.names(path) ?? []).filter((name) => !here.has(name))
    .map((name) => ({ kind: "D", path: `/${path}/${name}` }));
}
