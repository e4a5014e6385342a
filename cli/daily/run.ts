/** `container run --detach`, and `container run --name` in the foreground. */

import { startTime } from "../../launch/host/owner.ts";
import { parseDetachKeys } from "../../launch/attend/detach_keys.ts";
import { openAttachment } from "../../containers/daily/attach.ts";
import type { Attachment } from "../../containers/daily/attachment.ts";
import { runDetached } from "../../containers/daily/make.ts";
import { shortId } from "../../containers/daily/names.ts";
import { look } from "../../containers/daily/view.ts";
import type { ImageRoot } from "../../containers/decide/images/image_root.ts";
import type { ContainerOptions } from "../../containers/decide/options.ts";
import type { RunOptions } from "../../containers/run/run.ts";
import { isInteractive } from "../../containers/decide/terminal.ts";
import { explainRefusal } from "../../containers/run/refusals.ts";
import { requesterIn } from "../../containers/decide/requester.ts";
import { findRootFilesystem } from "../../containers/run/root_filesystem.ts";
import { THIS_MACHINE } from "../../containers/world/real_world.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { print, say } from "../output.ts";
import { keepOptionsOf } from "./keep_flags.ts";

/** Runs a container that has a name and ends with this command. */
export async function runInFront(
  flags: Flags,
  options: ContainerOptions,
  rootfs: string | ImageRoot,
  how: RunOptions,
): Promise<number> {
  const keep = keepOptionsOf(flags)!;
  const { runNamed } = await import("../../containers/daily/foreground.ts");
  return await runNamed(globals().store, options, rootfs, keep, how);
}

/** Runs a container in the background. */
export async function runKept(
  flags: Flags,
  options: ContainerOptions,
  image?: ImageRoot,
): Promise<number> {
  const keep = keepOptionsOf(flags)!;
  const { store } = globals();
  const words = flags.last("detach-keys");
  const keys = words === undefined ? null : parseDetachKeys(words);
  const inFront = !flags.has("detach") && keys !== null;
  if (inFront) {
    keep.interactive = true;
    keep.front = { pid: Deno.pid, startTime: startTime(Deno.pid) ?? "" };
    options.tty ??= isInteractive(THIS_MACHINE);
  }
  if (flags.last("init") === "true") {
    throw new UsageError(
      "--init requires a container in the foreground: in the background the command itself is PID 1",
      "Remove --init, or start the command with an init program of its own.",
    );
  }
  if (flags.last("status-fd") !== undefined) {
    throw new UsageError("--status-fd requires a container in the foreground");
  }
  const rootfs = image ?? await findRootFilesystem(
    options.rootfs,
    requesterIn(THIS_MACHINE),
    { say },
  );
  const tell = flags.has("quiet") ? () => {} : say;
  try {
    let attachment: Attachment | undefined;
    const id = await runDetached(store, options, rootfs, keep, {
      say: tell,
      // Attach before the command can write anything.
      ready: inFront
        ? async (id) => {
          attachment = await openAttachment(store, id);
        }
        : undefined,
    });
    if (attachment && keys) {
      const word = keep.name ?? shortId(id);
      return await stayWith(id, word, attachment, keys, flags.has("rm"));
    }
    print(id);
    return 0;
  } catch (error) {
    throw explainRefusal(error);
  }
}

/**
 * Stays attached to a container in the background until it ends or the user
 * detaches.
 */
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
      "../../containers/daily/remove.ts"
    );
    await removeContainer(store, id);
  }
  return status;
}
