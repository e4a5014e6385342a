/**
 * Makes a detached tmpfs that begins with a copy of the directory that it will
 * cover. Runs on the host, in the parent.
 */

import { cannotCopy } from "./cannot_copy.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { AT_EMPTY_PATH, Descriptor, moveUp, O, open } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { cString } from "../../ffi/memory.ts";
import {
  AT_RECURSIVE,
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR,
  MOUNT_ATTR_SIZE,
  mountAttributes,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../ffi/mount.ts";
import { openInRoot } from "../../ffi/openat2.ts";
import type { StepOf } from "../../plan/step.ts";
import type { IdMapping } from "../../spec/types.ts";
import { StepError } from "../step_error.ts";

/**
 * Carries out a copyUp step.
 *
 * @throws StepError if the mount fails, ContainerError if the copy fails
 */
export async function copyUp(step: StepOf<"copyUp">): Promise<Descriptor> {
  if (step.inside && step.namespace) {
    const { copyUpInside } = await import("./copy_up_inside.ts");
    return await copyUpInside(step, step.namespace);
  }
  using source = sourceOf(step);
  using held = new DisposableStack();
  const mount = held.use(mountEmpty(step));
  if (source) await copy(step, source, mount);
  await ownIt(step, mount);
  // cp(1) has given it the mode of the covered directory.
  const mode = step.options.find((option) => option.startsWith("mode="));
  if (mode) {
    await Deno.chmod(
      `/proc/self/fd/${mount.fd}/.`,
      parseInt(mode.slice("mode=".length), 8),
    );
  }
  held.move();
  return mount;
}

/**
 * Opens the covered directory; links are resolved inside the root filesystem.
 * Returns null if there is none.
 */
function sourceOf({ root, place }: StepOf<"copyUp">): Descriptor | null {
  using directory = open(root, O.O_PATH | O.O_DIRECTORY);
  using source = openInRoot(directory, place, O.O_RDONLY | O.O_DIRECTORY);
  return source && withoutLinks(source);
}

/**
 * Makes a mount of a directory on which no link is followed. cp(1) works with
 * paths: another container that changes the same files could replace a
 * directory with a link to one of the host's after cp has checked it.
 */
function withoutLinks(directory: Descriptor): Descriptor {
  const mount = moveUp(
    new Descriptor(
      syscall(
        "open_tree",
        directory.fd,
        cString(""),
        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE,
      ),
    ),
  );
  try {
    syscall(
      "mount_setattr",
      mount.fd,
      cString(""),
      AT_EMPTY_PATH | AT_RECURSIVE,
      mountAttributes(MOUNT_ATTR.MOUNT_ATTR_NOSYMFOLLOW, {}),
      MOUNT_ATTR_SIZE,
    );
  } catch (error) {
    // Before Linux 5.14 there is no such attribute.
    if (!(error instanceof SyscallError) || error.code !== "EINVAL") {
      mount.close();
      throw error;
    }
  }
  return mount;
}

function mountEmpty(step: StepOf<"copyUp">): Descriptor {
  try {
    using context = moveUp(
      new Descriptor(syscall("fsopen", cString("tmpfs"), FSOPEN_CLOEXEC)),
    );
    const configure = (command: number, key: string | null, value?: string) =>
      syscall(
        "fsconfig",
        context.fd,
        command,
        key === null ? null : cString(key),
        value === undefined ? null : cString(value),
        0,
      );
    configure(FSCONFIG.FSCONFIG_SET_STRING, "source", "tmpfs");
    for (const option of step.options) {
      const [key = "", value] = option.split(/=(.*)/s);
      if (value === undefined) configure(FSCONFIG.FSCONFIG_SET_FLAG, key);
      else configure(FSCONFIG.FSCONFIG_SET_STRING, key, value);
    }
    configure(FSCONFIG.FSCONFIG_CMD_CREATE, null);
    // Without the read-only flag, since the copy needs to write; that flag is
    // set last.
    return moveUp(
      new Descriptor(
        syscall(
          "fsmount",
          context.fd,
          FSMOUNT_CLOEXEC,
          step.attributes.filter((name) => name !== "MOUNT_ATTR_RDONLY")
            .reduce((bits, name) => bits | MOUNT_ATTR[name], 0),
        ),
      ),
    );
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new StepError(step, error.syscall, error.code);
  }
}

/**
 * Gives the tmpfs to the container's root, if its owner has no id in the
 * container.
 */
async function ownIt(
  { namespace }: StepOf<"copyUp">,
  { fd }: Descriptor,
): Promise<void> {
  const { uids = [], gids = [] } = namespace ?? {};
  if (!uids.length) return;
  const has = (maps: readonly IdMapping[], id: number | null) =>
    id !== null &&
    maps.some(({ hostID, size }) => id >= hostID && id < hostID + size);
  const root = (maps: readonly IdMapping[]) =>
    maps.find(({ containerID }) => containerID === 0)?.hostID ?? null;
  const place = `/proc/self/fd/${fd}/.`;
  const { uid, gid } = await Deno.stat(place);
  await Deno.chown(
    place,
    has(uids, uid) ? null : root(uids),
    has(gids, gid) ? null : root(gids),
  );
}

/**
 * Copies with owners, modes, times, links and extended attributes, like cp -a.
 */
async function copy(
  step: StepOf<"copyUp">,
  source: Descriptor,
  mount: Descriptor,
): Promise<void> {
  const at = (fd: number) => `/proc/${Deno.pid}/fd/${fd}`;
  const { success, stderr } = await new Deno.Command("cp", {
    args: ["-a", "--", `${at(source.fd)}/.`, `${at(mount.fd)}/.`],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  throw cannotCopy(step, new TextDecoder().decode(stderr));
}
