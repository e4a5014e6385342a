/** The root filesystem that a compiled program carries with it. */

import { ensureEmbeddedRootfs } from "../rootfs/embedded.ts";

/** Beside the module in the compiled program; written by scripts/compile.ts. */
const ARCHIVE = "rootfs.tar";

/** Unpacks it under the cache of the user, once; null where there is none. */
export function embeddedRootfs(say: (line: string) => void): string | null {
  if (!Deno.build.standalone || !import.meta.dirname) return null;
  let archive: Uint8Array;
  let sha256: string;
  try {
    archive = Deno.readFileSync(`${import.meta.dirname}/${ARCHIVE}`);
    sha256 = Deno.readTextFileSync(`${import.meta.dirname}/${ARCHIVE}.sha256`)
      .trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  return ensureEmbeddedRootfs(archive, sha256, cacheDirectory(), say);
}

function cacheDirectory(): string {
  const base = Deno.env.get("XDG_CACHE_HOME") ||
    `${Deno.env.get("HOME") || "/root"}/.cache`;
  return `${base}/container`;
}
