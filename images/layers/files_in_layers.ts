/**
 * Small files in the layers of an image, as a container of it would find them.
 * Runs on the host, in the process that asks for a container; only reads.
 */

import { readAt } from "../../ffi/fcntl.ts";
import { S_IF } from "../../ffi/files/files.ts";
import { toText } from "../../ffi/text.ts";
import { bytesOf } from "../tar/byte_string.ts";
import {
  follow,
  type LayeredFile,
  type LayeredPlace,
  openFound,
} from "./layered_file.ts";
import { MergedTree } from "./merged_tree.ts";

/** The files are not trusted: a list of accounts is never larger than this. */
const MOST = 1 << 20;

/**
 * Where paths lead in layers, of which the top comes first. Nothing else than a
 * regular file is opened.
 *
 * @throws LayerError if a layer cannot be read
 */
export function filesInLayers(
  layers: readonly string[],
  paths: readonly string[],
): Record<string, LayeredFile | null> {
  using tree = new MergedTree(layers);
  return Object.fromEntries(paths.map((path) => [path, look(tree, path)]));
}

function look(tree: MergedTree, path: string): LayeredFile | null {
  const found = follow(tree, path);
  if (found === null) return null;
  if (found === "broken link") return { type: "link", text: null };
  using there = found;
  const { mode, size } = there.status;
  if ((mode & S_IF.mask) !== S_IF.regular) return { type: "other", text: null };
  if (size > MOST) return { type: "file", text: null };
  using file = openFound(there);
  const bytes = new Uint8Array(size);
  return {
    type: "file",
    text: toText(bytes.subarray(0, readAt(file.fd, bytes, 0))),
  };
}

/**
 * What a path leads to in layers, of which the top comes first; null if nothing
 * is there. Links and `..` do not lead out of them.
 *
 * @throws LayerError if a layer cannot be read
 */
export function placeInLayers(
  layers: readonly string[],
  path: string,
): LayeredPlace | null {
  using tree = new MergedTree(layers);
  const found = follow(tree, path);
  if (found === null || found === "broken link") return null;
  using there = found;
  const { mode } = there.status;
  return {
    path: toText(bytesOf(there.path)),
    kind: (mode & S_IF.mask) === S_IF.directory ? "directory" : "file",
  };
}
