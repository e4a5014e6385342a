/**
 * Shared by the tables of cgroup files. Pure.
 *
 * @module
 */

import { SpecError } from "../spec/errors.ts";

/** A value for a file of a cgroup. */
export interface FileWrite {
  /** The version's own name: `blkio` on v1, `io` on v2. */
  controller: string;
  file: string;
  value: string;
  why: string;
  /** Skipped on kernels that do not have the file. */
  optional?: true;
  /** The file of kernels that do not have the first one. */
  instead?: { file: string; value: string };
}

/** A {@linkcode FileWrite} whose controller the table adds. */
export type Write = Omit<FileWrite, "controller">;

/**
 * Whether to write a setting that only one version has.
 *
 * @throws SpecError on the other version
 */
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

/** Writes a number if there is one. */
export function number(
  file: string,
  value: number | undefined,
  why: string,
): Write[] {
  return value === undefined ? [] : [{ file, value: String(value), why }];
}
