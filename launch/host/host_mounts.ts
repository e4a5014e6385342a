/**
 * Makes the mounts of a plan's host phase, which PID 1 receives as descriptors.
 * Runs on the host, in the parent, in the host's namespaces. The mounts are
 * detached, so the host does not see them, and the kernel removes them with
 * their last descriptor whichever process dies first.
 */

import { SyscallError } from "../../ffi/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  Descriptor,
  moveUp,
} from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { cString } from "../../ffi/memory.ts";
import {
  AT_RECURSIVE,
  MOUNT_ATTR,
  MOUNT_ATTR_SIZE,
  mountAttributes,
  MS_PROPAGATION,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../ffi/mount.ts";
import type { StepOf } from "../../plan/step.ts";
import { ContainerError } from "../../spec/errors.ts";
import { StepError } from "../step_error.ts";
import { makeUserNamespace } from "./user_namespace.ts";

/** A step that makes a mount. */
export type HostMountStep = StepOf<"mapMount" | "mountImage" | "copyUp">;

/** Makes mounts. Disposing of it closes what only their making needs. */
export class MountMaker implements Disposable {
  readonly #namespaces = new Namespaces();

  /**
   * Makes the mount of a step.
   *
   * @throws StepError if it fails
   */
  async make(step: HostMountStep): Promise<Descriptor> {
    switch (step.step) {
      case "mapMount":
        return mapMount(step, this.#namespaces.of(step));
      case "mountImage":
        return (await import("./image_mount.ts")).mountImage(step);
      case "copyUp":
        return await (await import("./copy_up.ts")).copyUp(step);
    }
  }

  [Symbol.dispose](): void {
    this.#namespaces[Symbol.dispose]();
  }
}

/**
 * Copies a mount and maps its ids. Mounts made later do not propagate from the
 * copy.
 */
function mapMount(
  step: StepOf<"mapMount">,
  namespace: Descriptor,
): Descriptor {
  try {
    const recursive = step.recursive ? AT_RECURSIVE : 0;
    const copy = moveUp(
      new Descriptor(
        syscall(
          "open_tree",
          AT_FDCWD,
          cString(step.source),
          OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive,
        ),
      ),
    );
    const set = (flags: number, attributes: Uint8Array) =>
      syscall(
        "mount_setattr",
        copy.fd,
        cString(""),
        AT_EMPTY_PATH | flags,
        attributes,
        MOUNT_ATTR_SIZE,
      );
    try {
      set(
        recursive,
        mountAttributes(0, { propagation: MS_PROPAGATION[step.propagation] }),
      );
      set(
        step.mapsBelow ? recursive : 0,
        mountAttributes(MOUNT_ATTR.MOUNT_ATTR_IDMAP, {
          userNamespace: namespace.fd,
        }),
      );
    } catch (error) {
      copy.close();
      throw error;
    }
    return copy;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new StepError(step, error.syscall, error.code);
  }
}

/** The user namespaces that define the mappings, one for each mapping. */
class Namespaces implements Disposable {
  readonly #made = new Map<string, Descriptor>();

  of(step: StepOf<"mapMount">): Descriptor {
    const key = JSON.stringify([step.uids, step.gids]);
    let made = this.#made.get(key);
    if (!made) this.#made.set(key, made = namespaceOf(step));
    return made;
  }

  [Symbol.dispose](): void {
    for (const made of this.#made.values()) made.close();
  }
}

function namespaceOf(step: StepOf<"mapMount">): Descriptor {
  try {
    return makeUserNamespace(step.uids, step.gids);
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    throw new ContainerError(
      `Cannot map the IDs of ${step.source}: ${error.message}`,
      { hint: error.hint, cause: error },
    );
  }
}
