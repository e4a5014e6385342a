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
import type { Plan, StepOf } from "../../plan/step.ts";
import { ContainerError } from "../../spec/errors.ts";
import { StepError } from "../step_error.ts";
import { makeUserNamespace } from "./user_namespace.ts";

/** Mounts by the descriptor number under which PID 1 finds them. */
export class HostMounts implements Disposable {
  constructor(readonly fds: Readonly<Record<number, Descriptor>>) {}

  [Symbol.dispose](): void {
    for (const descriptor of Object.values(this.fds)) descriptor.close();
  }
}

/**
 * Makes all of them.
 *
 * @throws StepError for the mount that fails
 */
export async function makeHostMounts({ host }: Plan): Promise<HostMounts> {
  const mounts = new HostMounts({});
  const fds = mounts.fds as Record<number, Descriptor>;
  using namespaces = new Namespaces();
  try {
    for (const step of host) {
      if (step.step === "mapMount") {
        fds[step.descriptor] = mapMount(step, namespaces.of(step));
      }
      if (step.step === "mountImage") {
        const { mountImage } = await import("./image_mount.ts");
        fds[step.descriptor] = mountImage(step);
      } else if (step.step === "copyUp") {
        const { copyUp } = await import("./copy_up.ts");
        fds[step.descriptor] = await copyUp(step);
      }
    }
  } catch (error) {
    mounts[Symbol.dispose]();
    throw error;
  }
  return mounts;
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
