/**
 * The root filesystem that a compiled program carries with it. Runs on the
 * host, in the parent, and reads nothing until it is needed.
 */

import { gunzipSync } from "node:zlib";
import { ensureEmbeddedRootfs } from "../rootfs/embedded.ts";

/**
 * Beside the module in the compiled program, compressed, since every start
 * reads it; the digest of what is in it in a second file. Both are
 * written by scripts/compile.ts. The directory they are in exists only inside
 * the program, so nothing on the host's disk can stand in for them.
 */
const ARCHIVE = "rootfs.tar.gz";

/** Unpacks it under the cache of the user, once; null where there is none. */
export function embeddedRootfs(say: (line: string) => void): string | null {
  if (!Deno.build.standalone || !import.meta.dirname) return null;
  const path = `${import.meta.dirname}/${ARCHIVE}`;
  let sha256: string;
  try {
    sha256 = Deno.readTextFileSync(`${path}.sha256`).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const archive = () => gunzipSync(Deno.readFileSync(path));
  return ensureEmbeddedRootfs(archive, sha256, cacheDirectory(), say);
}

function cacheDirectory(): string {
  const named = Deno.env.get("XDG_CACHE_HOME");
  // The XDG specification: a relative path is to be ignored.
  const base = named?.startsWith("/")
    ? named
    : `${Deno.env.get("HOME") || "/root"}/.cache`;
  return `${base}/container`;
}
