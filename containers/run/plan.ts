/** The plan of a container, for programs. */

import type { Plan } from "../../plan/step.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { LibraryOptions } from "./library_options.ts";
import {
  DEFAULT_ROOTFS,
  findRootFilesystem,
} from "../decide/root_filesystem.ts";
import { prepare } from "./run.ts";

/**
 * What {@linkcode run} would do, in order and with the reason of each step:
 * the steps of `container explain --json run --no-init`, without their `needs`.
 * Changes nothing and needs no rights; the root filesystem need not be there
 * yet.
 *
 * @throws UsageError or SpecError for options that cannot be
 */
export async function plan(options: LibraryOptions): Promise<Plan> {
  const rootfs = await rootToExplain(options.rootfs, () => {});
  const prepared = await prepare(
    { ...options, init: false, tty: false },
    rootfs,
    [options.stdin ?? "null", options.stdout, options.stderr],
  );
  const { init, host, launch, container, process, cleanup } = prepared.plan;
  return { init, host, launch, container, process, cleanup };
}

/** A plan can be shown before there is a root filesystem. */
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
