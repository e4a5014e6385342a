/** Names of entries: which place in the layer they mean. Pure. */

import { type ByteString, splitPath } from "../tar/byte_string.ts";
import { refused } from "../tar/errors.ts";

/** PATH_MAX of linux/limits.h, without the NUL. Longer paths cannot be used. */
const MOST_PATH_BYTES = 4095;

/** A path with nothing to clean up. */
const UNCLEAN = /^\/|\/\/|(?:^|\/)\.{1,2}(?:\/|$)|\/$/;

/**
 * The path that a name means: relative to the root, without `.`, `..` or
 * slashes at its ends; empty for the root. An absolute name is taken from the
 * root, as docker, podman and tar do.
 *
 * @throws LayerError if the name leads out of the root, or is too long
 */
export function cleanName(name: ByteString): ByteString {
  if (name.length > MOST_PATH_BYTES) {
    throw refused(
      name.slice(0, 80) + "…",
      `its name has ${name.length} bytes`,
      `Linux allows ${MOST_PATH_BYTES} bytes. Build the image with shorter names.`,
    );
  }
  if (!UNCLEAN.test(name)) return name;
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) {
      throw refused(name, "its name leads out of the root");
    }
  }
  return parts.join("/");
}

/**
 * Checks the target of a symbolic link. An absolute one is read inside the
 * container. A relative one that climbs above the root is refused, as docker
 * and podman do.
 *
 * @throws LayerError
 */
export function checkLinkTarget(path: ByteString, target: ByteString): void {
  if (target === "") throw refused(path, "it is a link to an empty name");
  if (target.startsWith("/") || !target.includes("..")) return;
  let depth = path.split("/").length - 1;
  for (const part of target.split("/")) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) {
      throw refused(path, "it is a link that leads out of the root");
    }
  }
}

/** What a name means to the layers below. */
export type Meaning =
  | { kind: "entry" }
  /** Nothing: the record keeping of AUFS. */
  | { kind: "ignored" }
  | { kind: "whiteout"; path: ByteString }
  | { kind: "opaque"; directory: ByteString };

const WHITEOUT = ".wh.";
const META = ".wh..wh.";
const OPAQUE = ".wh..wh..opq";

/**
 * Reads the whiteouts of the image specification, layer.md.
 *
 * @throws LayerError if the name deletes something that has no name
 */
export function meaningOf(path: ByteString): Meaning {
  if (!path.includes(WHITEOUT)) return { kind: "entry" };
  const [directory, base] = splitPath(path);
  for (const part of directory.split("/")) {
    if (part.startsWith(META)) return { kind: "ignored" };
    if (part.startsWith(WHITEOUT)) {
      throw refused(path, "it is below a deleted file");
    }
  }
  if (base === OPAQUE) return { kind: "opaque", directory };
  if (base.startsWith(META)) return { kind: "ignored" };
  if (!base.startsWith(WHITEOUT)) return { kind: "entry" };
  const name = base.slice(WHITEOUT.length);
  if (name === "" || name === "." || name === "..") {
    throw refused(path, "it deletes a file without a name");
  }
  return {
    kind: "whiteout",
    path: directory ? `${directory}/${name}` : name,
  };
}
