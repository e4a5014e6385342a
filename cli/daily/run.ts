/** `run --detach`, and `run --name` in the foreground. */

import { runDetached } from "../../lifecycle/daily/make.ts";
import type { ContainerOptions } from "../../lifecycle/options.ts";
import type { RunOptions } from "../../lifecycle/run.ts";
import { explainRefusal } from "../../lifecycle/refusals.ts";
import { findRootFilesystem } from "../../lifecycle/root_filesystem.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { print, say } from "../output.ts";
import { wishesOf } from "./wishes.ts";

/** Runs a container that has a name, and ends with this command. */
export async function runInFront(
  flags: Flags,
  options: ContainerOptions,
  rootfs: string,
  how: RunOptions,
): Promise<number> {
  const wishes = wishesOf(flags)!;
  const { runNamed } = await import("../../lifecycle/daily/foreground.ts");
  return await runNamed(globals().store, options, rootfs, wishes, how);
}

/** Runs a container in the background. */
export async function runKept(
  flags: Flags,
  options: ContainerOptions,
): Promise<number> {
  const wishes = wishesOf(flags)!;
  const { store } = globals();
  if (flags.last("init") === "true") {
    throw new UsageError(
      "--init is for a container in the foreground: nothing of ours stays in one in the background",
      "Leave it out, or have the command started by an init of its own.",
    );
  }
  if (flags.last("status-fd") !== undefined) {
    throw new UsageError("--status-fd is for a container in the foreground");
  }
  const rootfs = await findRootFilesystem(options.rootfs, say);
  const tell = flags.has("quiet") ? () => {} : say;
  try {
    print(await runDetached(store, options, rootfs, wishes, tell));
    return 0;
  } catch (error) {
    throw explainRefusal(error);
  }
}
