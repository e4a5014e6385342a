/**
 * What both tables of files are made of. Pure.
 *
 * @module
 */

import { SpecError } from "../spec/errors.ts";

/** A value for a file of a cgroup. */
export interface FileWrite {
  /** As the version names it: `blkio` on v1, `io` on v2. */
  controller: string;
  file: string;
  value: string;
  why: string;
  /** Kernels without the file do without. */
  optional?: true;
  /** For kernels that have another file instead. */
  instead?: { file: string; value: string };
}

/** A {@linkcode FileWrite} of a controller that is known. */
export type Write = Omit<FileWrite, "controller">;

/** Whether to write what only one version has; refused on the other. */
export function only(
  version: 1 | 2,
  wanted: 1 | 2,
  setting: string,
  value: unknown,
): boolean {
  if (value === undefined || value === false) return false;
  if (version === wanted) return true;
  throw new SpecError(
    `linux.resources.${setting} cannot be set: cgroup v${version} does not have it`,
    { hint: "Remove it from the configuration" },
  );
}

/** A number as it is, or nothing. */
export function number(
  file: string,
  value: number | undefined,
  why: string,
): Write[] {
  return value === undefined ? [] : [{ file, value: String(value), why }];
}
