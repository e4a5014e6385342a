/**
 * Whether a path still leads to what a step has made. Runs on the host; only
 * reads.
 */

import type { Identity } from "../../plan/undo.ts";

/** The identity of what is at a path; links are not followed. Null: nothing. */
export function identityOf(path: string): Identity | null {
  try {
    const { dev, ino } = Deno.lstatSync(path);
    return { device: dev, inode: ino ?? 0 };
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return null;
    throw error;
  }
}

/** Whether a path leads to this file or directory. */
export function isStill(path: string, made: Identity): boolean {
  const now = identityOf(path);
  return now?.device === made.device && now.inode === made.inode;
}

/** Whether something has this path; a link counts itself. */
export function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
