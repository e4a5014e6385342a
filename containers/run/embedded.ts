/**
 * The root filesystem embedded in the compiled program. With `unpack: false`
 * this module only reads and decides; with `unpack: true` it unpacks the tree
 * into the user's cache. Runs on the host, in the parent, and reads nothing
 * until it is needed.
 */

import { isText } from "../../ffi/text.ts";
import { embeddedTree, ensureEmbeddedRootfs } from "../../rootfs/embedded.ts";
import { carried } from "./carried.ts";
import { RootfsError } from "../../rootfs/errors.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { World } from "../world/world.ts";

/**
 * The compressed archive. A second file holds the digest of its content.
 * scripts/compile.ts writes both into the program itself, so no file on the
 * host's disk can replace them.
 */
const ARCHIVE = "rootfs.tar.gz";

/**
 * Unpacks the tree once into the user's cache and returns its path; null if the
 * program has none.
 *
 * @param unpack false: only returns the path that the tree would have
 * @throws {ContainerError} if the cache cannot be written
 */
export async function embeddedRootfs(
  say: (line: string) => void,
  { unpack, world }: { unpack: boolean; world: World },
): Promise<string | null> {
  const digest = carried(`${ARCHIVE}.sha256`);
  if (!digest) return null;
  const sha256 = new TextDecoder().decode(digest).trim();
  const cache = cacheDirectory(world);
  if (!isText(cache)) {
    throw new ContainerError(
      `Cannot unpack the root filesystem into ${cache}: the path has a byte that is not UTF-8`,
      {
        hint:
          "Set XDG_CACHE_HOME to another directory, or name another root filesystem with --rootfs.",
      },
    );
  }
  if (!unpack) return embeddedTree(sha256, cache);
  const archive = () => gunzip(carried(ARCHIVE)!);
  try {
    const tree = await ensureEmbeddedRootfs(archive, sha256, cache, say);
    // What it has checked, for the log of the World.
    world.lstat(cache);
    world.lstat(`${tree}/bin/busybox`);
    return tree;
  } catch (error) {
    throw error instanceof RootfsError ? withHint(error) : error;
  }
}

/** An error of the cache, with a hint for a user of `run`. */
function withHint({ message, hint }: RootfsError): ContainerError {
  const first = hint && `${hint[0]!.toUpperCase()}${hint.slice(1)}. `;
  return new ContainerError(message, {
    hint: `${
      first ?? ""
    }Set XDG_CACHE_HOME to another directory, or name another root filesystem with --rootfs.`,
  });
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream()
    .pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function cacheDirectory(world: World): string {
  const named = world.variable("XDG_CACHE_HOME");
  // The XDG base directory specification says to ignore a relative path.
  const base = named?.startsWith("/")
    ? named
    : `${world.variable("HOME") || "/root"}/.cache`;
  return `${base}/container`;
}
