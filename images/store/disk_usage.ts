/** The space that files take on the disk, as du(1) counts it. */

import { namesIn } from "./places.ts";

const BLOCK = 512;

/**
 * The space of a file or a directory with everything in it. A file with several
 * names counts once.
 *
 * @param seen files that have been counted; the function adds to them
 */
export function diskUsage(path: string, seen = new Set<string>()): number {
  let sum = 0;
  // A loop: a tree may be deeper than the stack.
  const open = [path];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const info = lstatOrNull(at);
    if (!info) continue;
    if ((info.nlink ?? 1) > 1 && !info.isDirectory) {
      const file = `${info.dev}:${info.ino}`;
      if (seen.has(file)) continue;
      seen.add(file);
    }
    sum += (info.blocks ?? 0) * BLOCK;
    if (info.isDirectory) {
      for (const name of namesIn(at)) open.push(`${at}/${name}`);
    }
  }
  return sum;
}

function lstatOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
