/**
 * Layers as one tree, mounted nowhere: only this process sees the mount, by a
 * descriptor, and the kernel removes it when the process ends, however it ends.
 * Runs on the host, in the command's process.
 */

import { Descriptor, O, open } from "../../ffi/fcntl.ts";
import { ERRNO, errnoName, SyscallError } from "../../ffi/errno.ts";
import { rawSyscall, syscall } from "../../ffi/libc.ts";
import { cString } from "../../ffi/memory.ts";
import {
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR,
} from "../../ffi/mount.ts";
import { LayerError } from "../tar/errors.ts";

/** What is mounted. */
export interface OverlayTree {
  /** The directories of the layers, the top first. */
  layers: readonly string[];
  /** Where changes go; null for a tree that cannot be changed. */
  changes: { upper: string; work: string } | null;
  /** The marks of the layers are `user.overlay.*`. Default: true. */
  userMarks?: boolean;
}

/** fsconfig(2) takes strings of less than 256 bytes. */
const MOST_STRING_BYTES = 255;

/**
 * Mounts layers. The mount is gone when the descriptor is closed.
 *
 * @throws LayerError if the kernel cannot do that
 */
export function detachedOverlay(tree: OverlayTree): Descriptor {
  try {
    return mountOf(tree);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new LayerError(
      `Cannot mount the layers of the container: ${error.message}`,
      {
        hint: error.code === "EPERM"
          ? "Run as root (sudo)."
          : "The store must be on a file system that overlayfs can use; see container doctor.",
        cause: error,
      },
    );
  }
}

function mountOf(
  { layers, changes, userMarks = true }: OverlayTree,
): Descriptor {
  using held = new DisposableStack();
  // Short, and without characters that mean something in a list.
  const short = (path: string) =>
    `/proc/self/fd/${held.use(open(path, O.O_PATH | O.O_DIRECTORY)).fd}`;
  const lowers = layers.map(short);
  // An overlay without changes needs two layers.
  if (!changes && lowers.length === 1) lowers.push(emptyBelow(held));
  const context = held.use(
    new Descriptor(syscall("fsopen", cString("overlay"), FSOPEN_CLOEXEC)),
  );
  const set = (key: string, value: string) =>
    rawSyscall(
      "fsconfig",
      context.fd,
      FSCONFIG.FSCONFIG_SET_STRING,
      cString(key),
      cString(value),
      0,
    );
  const must = (key: string, value: string) => {
    const result = set(key, value);
    if (result < 0) {
      throw new SyscallError("fsconfig", errnoName(-result), `set ${key}`);
    }
  };
  // Linux 6.8 takes them one by one.
  const first = set("lowerdir+", lowers[0]!);
  if (first >= 0) {
    for (const path of lowers.slice(1)) {
      must("lowerdir+", path);
    }
  } else if (first !== -ERRNO.EINVAL) must("lowerdir+", lowers[0]!);
  else {
    const all = lowers.join(":");
    if (all.length > MOST_STRING_BYTES) {
      throw new LayerError(
        `Cannot mount the layers of the container: there are ${lowers.length}, and this kernel takes fewer in this way`,
        { hint: "Use Linux 6.8 or newer, or start the container first." },
      );
    }
    must("lowerdir", all);
  }
  if (changes) {
    must("upperdir", short(changes.upper));
    must("workdir", short(changes.work));
  }
  if (userMarks) {
    syscall(
      "fsconfig",
      context.fd,
      FSCONFIG.FSCONFIG_SET_FLAG,
      cString("userxattr"),
      null,
      0,
    );
  }
  must("index", "off");
  must("redirect_dir", "nofollow");
  syscall("fsconfig", context.fd, FSCONFIG.FSCONFIG_CMD_CREATE, null, null, 0);
  return new Descriptor(
    syscall(
      "fsmount",
      context.fd,
      FSMOUNT_CLOEXEC,
      MOUNT_ATTR.MOUNT_ATTR_NODEV |
        (changes ? 0 : MOUNT_ATTR.MOUNT_ATTR_RDONLY),
    ),
  );
}

/** An empty directory in memory, which is mounted nowhere either. */
function emptyBelow(held: DisposableStack): string {
  const context = held.use(
    new Descriptor(syscall("fsopen", cString("tmpfs"), FSOPEN_CLOEXEC)),
  );
  syscall("fsconfig", context.fd, FSCONFIG.FSCONFIG_CMD_CREATE, null, null, 0);
  const mount = held.use(
    new Descriptor(syscall("fsmount", context.fd, FSMOUNT_CLOEXEC, 0)),
  );
  return `/proc/self/fd/${mount.fd}`;
}
