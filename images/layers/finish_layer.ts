/**
 * What a layer takes from the layers below it: links to their files, and what
 * their directories are like. Runs in the process that unpacks.
 */

import { AT_FDCWD, O } from "../../ffi/fcntl.ts";
import {
  close,
  linkAt,
  openAt,
  S_IF,
  statusAt,
} from "../../ffi/files/files.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import {
  OPEN_HOW_SIZE,
  openHow,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from "../../ffi/openat2.ts";
import {
  type ByteString,
  fromText,
  nameOf,
  splitPath,
} from "../tar/byte_string.ts";
import { copyFile } from "./copy_file.ts";
import { dropDeletions } from "./deletions.ts";
import { Directories, DIRECTORY } from "./directories.ts";
import { entryError, pathError, quoted, refused } from "../tar/errors.ts";
import { likeDirectory } from "./like_directory.ts";
import { MergedTree } from "./merged_tree.ts";
import { removeTree } from "./remove_tree.ts";
import type { LateLink, Unfinished } from "./unpack_options.ts";

/** A layer to finish. */
export interface FinishOptions {
  /** The directory that unpackLayer() made. */
  layer: string;
  unfinished: Unfinished;
  /** The finished layers below it, the top first. */
  lowers: readonly string[];
}

/**
 * Finishes a layer: links whose targets are in layers below, deletions that
 * delete nothing, then owners, modes, attributes and times of directories that
 * no entry describes. Call it in the
 * order of the chain, the lowest layer first. Does nothing for most layers. If
 * it fails, the layer is to be removed.
 *
 * @throws LayerError if a link leads nowhere, or the layer cannot be written
 */
export function finishLayer(
  { layer, unfinished, lowers }: FinishOptions,
): void {
  const { implied, links, deletions } = unfinished;
  if (
    !links.length && !deletions.length && (!implied.length || !lowers.length)
  ) return;
  using tree = new MergedTree([layer, ...lowers]);
  const root = openAt(AT_FDCWD, nameOf(fromText(layer)), DIRECTORY);
  if (root < 0) throw pathError("open", fromText(layer), "openat", root);
  try {
    const made = [...implied, ...makeLinks(root, tree, links)];
    dropDeletions(root, tree, deletions, new Set(made));
    for (const path of made.sort()) takeOver(root, tree, path);
  } finally {
    close(root);
  }
}

/** Returns the directories that were made on the way. */
function makeLinks(
  root: number,
  tree: MergedTree,
  links: readonly LateLink[],
): ByteString[] {
  using directories = new Directories(root);
  for (const link of links) makeLink(directories, tree, link);
  return [...directories.implied.values()];
}

function makeLink(
  directories: Directories,
  tree: MergedTree,
  { path, target }: LateLink,
): void {
  using source = tree.find(target);
  if (!source) {
    throw refused(
      path,
      `it is a hard link to ${quoted(target)}, which does not exist`,
    );
  }
  const { status, layer } = source;
  if ((status.mode & S_IF.mask) === S_IF.directory) {
    throw refused(path, "it is a hard link to a directory");
  }
  const { modified } = status;
  const at = (path: ByteString) => {
    const directory = directories.at(path, { name: path, modified });
    directory.touched = true;
    return directory.fd;
  };
  const [from, old] = splitPath(source.path);
  // The two names are one file only if both are in this layer.
  if (layer > 0) copyFile(source, at(from), old);
  const [to, name] = splitPath(path);
  const present = statusAt(at(to), nameOf(name));
  if (typeof present !== "number") {
    directories.forget();
    const { implied } = directories;
    removeTree(at(to), name, (inode) => implied.delete(inode));
  }
  const [source_, place] = [at(from), at(to)];
  const result = linkAt(source_, nameOf(old), place, nameOf(name));
  if (result < 0) throw entryError(path, "linkat", result);
}

const HOW = openHow(
  O.O_RDONLY | O.O_DIRECTORY | O.O_NOFOLLOW | O.O_CLOEXEC,
  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
);

/** Makes a directory like the one of the layers below. */
function takeOver(root: number, tree: MergedTree, path: ByteString): void {
  using below = tree.find(path, { links: false, from: 1 });
  if (!below) return;
  const { status, directory, name } = below;
  if ((status.mode & S_IF.mask) !== S_IF.directory) return;
  const here = rawSyscall(
    "openat2",
    root,
    nameOf(path === "" ? "." : path),
    HOW,
    OPEN_HOW_SIZE,
  );
  // A later entry has replaced it.
  if (here < 0) return;
  const there = openAt(directory, nameOf(name), DIRECTORY);
  try {
    if (there < 0) throw pathError("open", path, "openat", there);
    likeDirectory(here, there, status, path);
  } finally {
    close(here);
    if (there >= 0) close(there);
  }
}
