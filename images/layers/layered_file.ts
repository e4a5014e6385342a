/**
 * A file of an image, as a process with this root would find it, without a
 * mount. Runs on the host; only reads.
 */

import { Descriptor, O } from "../../ffi/fcntl.ts";
import { openAt, S_IF } from "../../ffi/files/files.ts";
import { fromText, nameOf } from "../tar/byte_string.ts";
import { pathError } from "../tar/errors.ts";
import { linkTarget } from "./directories.ts";
import type { Found, MergedTree } from "./merged_tree.ts";

/** Where a path leads in the layers of an image. */
export interface LayeredFile {
  /** `link`: a link that leads to nothing. */
  type: "file" | "link" | "other";
  /** Of a small regular file. */
  text: string | null;
}

/** A file or directory of an image. */
export interface LayeredPlace {
  /** Its path without links, from the root, without a slash at the beginning. */
  path: string;
  /** `file`: anything but a directory. */
  kind: "directory" | "file";
}

/** Links at the end of a path, as the kernel. */
const MOST_LINKS = 40;

/** Where a path leads: to a file, to nothing, or by a link to nothing. */
export type Followed = Found | "broken link" | null;

/** Finds a file and follows links, also one in the last part. */
export function follow(tree: MergedTree, path: string): Followed {
  let at = fromText(path);
  for (let links = 0; links <= MOST_LINKS; links++) {
    const found = tree.find(at);
    if (!found) return links ? "broken link" : null;
    if ((found.status.mode & S_IF.mask) !== S_IF.link) return found;
    using link = found;
    const target = linkTarget(link.directory, link.name, link.path);
    const above = link.path.slice(0, link.path.lastIndexOf("/") + 1);
    at = target.startsWith("/") ? target : `${above}${target}`;
  }
  return "broken link";
}

/**
 * Opens a file for reading.
 *
 * @throws LayerError if it cannot be opened
 */
export function openFound({ directory, name, path }: Found): Descriptor {
  const flags = O.O_RDONLY | O.O_NOFOLLOW | O.O_CLOEXEC;
  const fd = openAt(directory, nameOf(name), flags);
  if (fd < 0) throw pathError("open", path, "openat", fd);
  return new Descriptor(fd);
}
