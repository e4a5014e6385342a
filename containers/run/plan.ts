/**
 * The library's `plan()`. Only reads and decides; changes nothing. Runs on the
 * host, in the program's process.
 */

import type { Plan } from "../../plan/step.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { LibraryOptions } from "./library_options.ts";
import {
  DEFAULT_ROOTFS,
  findRootFilesystem,
} from "../decide/root_filesystem.ts";
import { prepare } from "./run.ts";

/**
 * The steps that {@linkcode run} would carry out, in order and each with its
 * reason: the steps of `container explain --json run --no-init`, without their
 * `needs`. It changes nothing and needs no privileges. The root filesystem need
 * not exist yet.
 *
 * @throws {UsageError} or {SpecError} for options that are invalid or cannot be
 * met
 */
export async function plan(options: LibraryOptions): Promise<Plan> {
  const rootfs = await rootToExplain(options.rootfs, () => {});
  const { plan } = await prepare(
    { ...options, init: false, tty: false },
    rootfs,
    [options.stdin ?? "null", options.stdout, options.stderr],
  );
  return plan;
}

/** The root filesystem for an explanation. It need not exist. */
export async function rootToExplain(
  path: string | undefined,
  say: (line: string) => void,
): Promise<string> {
  try {
    return await findRootFilesystem(path, say, { unpack: false });
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    return path ?? DEFAULT_ROOTFS;
  }
}
