/** `run --detach`, and `run --name` in the foreground. */

import { startTime } from "../../cgroup/sweep.ts";
import { parseDetachKeys } from "../../launch/detach_keys.ts";
import { comeInFront } from "../../lifecycle/daily/attach.ts";
import type { Attachment } from "../../lifecycle/daily/attachment.ts";
import { runDetached } from "../../lifecycle/daily/make.ts";
import { shortId } from "../../lifecycle/daily/names.ts";
import { look } from "../../lifecycle/daily/view.ts";
import type { ContainerOptions } from "../../lifecycle/options.ts";
import type { RunOptions } from "../../lifecycle/run.ts";
import { isInteractive } from "../../lifecycle/terminal.ts";
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
  const words = flags.last("detach-keys");
  const keys = words === undefined ? null : parseDetachKeys(words);
  const inFront = !flags.has("detach") && keys !== null;
  if (inFront) {
    wishes.interactive = true;
    wishes.front = { pid: Deno.pid, startTime: startTime(Deno.pid) ?? "" };
    options.tty ??= isInteractive();
  }
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
    let attachment: Attachment | undefined;
    const id = await runDetached(store, options, rootfs, wishes, {
      say: tell,
      // Before its command can write anything.
      ready: inFront
        ? async (id) => {
          attachment = await comeInFront(store, id);
        }
        : undefined,
    });
    if (attachment && keys) {
      const word = wishes.name ?? shortId(id);
      return await stayWith(id, word, attachment, keys, flags.has("rm"));
    }
    print(id);
    return 0;
  } catch (error) {
    throw explainRefusal(error);
  }
}

/** In front of a container in the background: until it ends, or is left alone. */
async function stayWith(
  id: string,
  word: string,
  attachment: Attachment,
  keys: Uint8Array,
  remove: boolean,
): Promise<number> {
  const { stayInFront } = await import("./attach.ts");
  const how = { keys, noInput: false, owner: true };
  const status = await stayInFront(id, word, attachment, how);
  const { store } = globals();
  if (remove && look(store, id)?.end) {
    const { removeContainer } = await import(
      "../../lifecycle/daily/remove.ts"
    );
    await removeContainer(store, id);
  }
  return status;
}
