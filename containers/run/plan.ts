/**
 * The library's `plan()`. Only reads and decides; changes nothing. Runs on the
 * host, in the program's process.
 */

import type { Plan } from "../../plan/step.ts";
import { requesterIn } from "../decide/requester.ts";
import { THIS_MACHINE } from "../world/real_world.ts";
import {
  type LibraryOptions,
  needsStore,
  streamsOf,
  withCommand,
} from "./library_options.ts";
import { rootToExplain } from "./root_filesystem.ts";
import { checkOptions, inLibraryWords } from "./library_words.ts";
import { prepare } from "./run.ts";

/**
 * The steps that {@linkcode run} would carry out, in order and each with its
 * reason: the steps of `container explain --json run --no-init`, without their
 * `needs`. It changes nothing and needs no privileges. The root filesystem need
 * not exist yet.
 *
 * @throws {OptionError} for an option that is unknown or has a wrong value;
 * {UsageError} or {SpecError} for options that cannot be met
 */
export async function plan(options: LibraryOptions): Promise<Plan> {
  try {
    return await planOf(checkOptions(options));
  } catch (error) {
    throw inLibraryWords(error);
  }
}

async function planOf(options: LibraryOptions): Promise<Plan> {
  const requester = requesterIn(THIS_MACHINE, streamsOf(options));
  const rootfs = () => rootToExplain(options.rootfs, requester, () => {});
  const wanted = needsStore(options)
    ? await (await import("./library_image.ts"))
      .wantedOf(options, requester, { rootfs, explain: true })
    : { options: withCommand(options), rootfs: await rootfs() };
  return (await prepare(wanted, requester)).plan;
}
