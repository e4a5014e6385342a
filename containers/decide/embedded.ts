/**
 * The root filesystem that a compiled program carries with it. Runs on the
 * host, in the parent, and reads nothing until it is needed.
 */

import { embeddedTree, ensureEmbeddedRootfs } from "../../rootfs/embedded.ts";
import { carried } from "./carried.ts";
import { RootfsError } from "../../rootfs/errors.ts";
import { ContainerError } from "../../spec/errors.ts";

/**
 * Compressed; the digest of what is in it in a second file. Both are written by
 * scripts/compile.ts, into the program itself, so nothing on the host's disk can
 * stand in for them.
 */
const ARCHIVE = "rootfs.tar.gz";

/**
 * Unpacks it under the cache of the user, once; null where there is none.
 *
 * @param unpack false: only says where it would be
 */
export async function embeddedRootfs(
  say: (line: string) => void,
  { unpack }: { unpack: boolean },
): Promise<string | null> {
  const digest = carried(`${ARCHIVE}.sha256`);
  if (!digest) return null;
  const sha256 = new TextDecoder().decode(digest).trim();
  if (!unpack) return embeddedTree(sha256, cacheDirectory());
  const archive = () => gunzip(carried(ARCHIVE)!);
  try {
    return await ensureEmbeddedRootfs(archive, sha256, cacheDirectory(), say);
  } catch (error) {
    throw error instanceof RootfsError ? withCure(error) : error;
  }
}

/** What goes wrong in the cache, with what a user of `run` can do about it. */
function withCure({ message, hint }: RootfsError): ContainerError {
  const first = hint && `${hint[0]!.toUpperCase()}${hint.slice(1)}. `;
  return new ContainerError(message, {
    hint: `${
      first ?? ""
    }XDG_CACHE_HOME names another place, --rootfs another root filesystem.`,
  });
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream()
    .pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function cacheDirectory(): string {
  const named = Deno.env.get("XDG_CACHE_HOME");
  // The XDG specification: a relative path is to be ignored.
  const base = named?.startsWith("/")
    ? named
    : `${Deno.env.get("HOME") || "/root"}/.cache`;
  return `${base}/container`;
}
