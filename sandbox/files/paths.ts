/** Paths inside a sandbox. Pure. */

// @ts-types="../../types/std_path.d.ts"
import { fromFileUrl, join } from "@std/path";
import { HOME } from "../settle.ts";

/** The longest path that the kernel takes, path_resolution(7). */
const PATH_MAX = 4096;

/** An absolute path; a relative one starts at `/home/sandbox`. */
export function inside(path: string | URL): string {
  const text = plain(path);
  const whole = text.startsWith("/") ? text : `${HOME}/${text}`;
  if (text === "") throw new Deno.errors.NotFound("Cannot use an empty path");
  if (new TextEncoder().encode(whole).length >= PATH_MAX) {
    throw new RangeError("Cannot use a path of more than 4095 bytes");
  }
  return whole;
}

/** A path as it is, such as the target of a link. */
export function plain(path: string | URL): string {
  const text = typeof path === "string" ? path : fromFileUrl(path);
  if (text.includes("\0")) {
    throw new TypeError("Cannot use a path that contains a NUL byte");
  }
  return text;
}

/** A path below a directory. */
export const below = (directory: string, name: string): string =>
  join(directory, name);
