/**
 * Deletions (whiteouts) that delete nothing. overlayfs leaves whiteouts out of a
 * list only if the directory is in several layers. In a directory of one layer
 * the list would have a name that nothing can be found under. So whiteouts are
 * removed where no layer below has the directory, and so are directories that
 * only whiteouts have led to. Runs in the process that unpacks.
 */

import { AT_FDCWD, O } from "../../ffi/fcntl.ts";
import {
  AT_REMOVEDIR,
  close,
  readLinkAt,
  S_IF,
  setTimes,
  statusAt,
  unlinkAt,
} from "../../ffi/files/files.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import {
  OPEN_HOW_SIZE,
  openHow,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
} from "../../ffi/openat2.ts";
import {
  type ByteString,
  byteString,
  nameOf,
  splitPath,
} from "../tar/byte_string.ts";
import { pathError } from "../tar/errors.ts";
import { DT_CHR, DT_UNKNOWN, nextEntries } from "./directory_entries.ts";
import type { OpenDirectory } from "./directories.ts";
import type { MergedTree } from "./merged_tree.ts";
import { isWhiteout } from "./overlay_marks.ts";

/** What an archive makes us remember must not fill the memory. */
const MOST_BYTES = 1 << 22;
/** What each directory costs in addition to its path. */
const COST = 64;

const PATH = new Uint8Array(4096);

/** The path of an open file; null if it is too long for the kernel. */
function pathOf(fd: number): ByteString | null {
  const link = nameOf(`/proc/self/fd/${fd}`);
  const length = readLinkAt(AT_FDCWD, link, PATH);
  return length < 0 || length === PATH.length
    ? null
    : byteString(PATH, 0, length);
}

/** The directories of a layer that have deletions. */
export class Deletions {
  readonly #root: ByteString | null;
  readonly #paths = new Set<ByteString>();
  #bytes = 0;
  #last: bigint | null = null;

  /** @param root the layer's root */
  constructor(root: number) {
    this.#root = pathOf(root);
  }

  /** A deletion has been made in a directory. */
  note({ fd, inode }: OpenDirectory): void {
    if (inode === this.#last || this.#bytes > MOST_BYTES) return;
    this.#last = inode;
    // A path of the archive can lead through links.
    const path = pathOf(fd);
    if (path === null || this.#root === null) return;
    const own = path.slice(this.#root.length + 1);
    if (this.#paths.has(own)) return;
    this.#paths.add(own);
    this.#bytes += own.length + COST;
  }

  /** The paths of the directories, below the layer's root. */
  get paths(): ByteString[] {
    return [...this.#paths];
  }
}

const HOW = openHow(
  O.O_RDONLY | O.O_DIRECTORY | O.O_NOFOLLOW | O.O_CLOEXEC,
  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
);

/**
 * Removes the deletions that delete nothing.
 *
 * @param root the layer's root
 * @param tree the layer and those below it
 * @param paths the directories with deletions
 * @param implied the directories that no entry describes
 * @throws LayerError if something cannot be removed
 */
export function dropDeletions(
  root: number,
  tree: MergedTree,
  paths: readonly ByteString[],
  implied: ReadonlySet<ByteString>,
): void {
  // What is deeper comes first.
  for (const path of paths.toSorted().reverse()) {
    if (isBelow(tree, path)) continue;
    within(root, path, (fd) => dropIn(fd, path));
    for (let at = path; implied.has(at) && !isBelow(tree, at);) {
      const [above, base] = splitPath(at);
      let isGone = false;
      within(root, above, (fd) => {
        // It has files, perhaps.
        isGone = unlinkAt(fd, nameOf(base), AT_REMOVEDIR) === 0;
      });
      if (!isGone) break;
      at = above;
    }
  }
}

/** Whether a layer below shows a directory there. */
function isBelow(tree: MergedTree, path: ByteString): boolean {
  using found = tree.find(path, { links: false, from: 1 });
  return found !== null &&
    (found.status.mode & S_IF.mask) === S_IF.directory;
}

/** Does something in a directory of the layer, which keeps its time. */
function within(
  root: number,
  path: ByteString,
  act: (fd: number) => void,
): void {
  const name = nameOf(path === "" ? "." : path);
  const fd = rawSyscall("openat2", root, name, HOW, OPEN_HOW_SIZE);
  // A later entry has replaced it.
  if (fd < 0) return;
  try {
    const status = statusAt(fd, nameOf(""));
    if (typeof status === "number") {
      throw pathError("read", path, "statx", status);
    }
    act(fd);
    const result = setTimes(fd, status.modified);
    if (result < 0) throw pathError("change", path, "utimensat", result);
  } finally {
    close(fd);
  }
}

function dropIn(fd: number, path: ByteString): void {
  for (;;) {
    const entries = nextEntries(fd);
    if (typeof entries === "number") {
      throw pathError("read", path, "getdents64", entries);
    }
    if (!entries.length) return;
    for (const { name, type } of entries) {
      if (type !== DT_CHR && type !== DT_UNKNOWN) continue;
      const status = statusAt(fd, nameOf(name));
      if (typeof status === "number" || !isWhiteout(status)) continue;
      const result = unlinkAt(fd, nameOf(name));
      if (result < 0) throw pathError("remove", path, "unlinkat", result);
    }
  }
}
