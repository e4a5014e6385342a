/**
 * Attaches a file to a loop device, loop(4). Runs on the host, in the parent.
 * The kernel frees the device when its last user, including mounts, is gone, so
 * nobody has to clean up if a process is killed.
 */

import { toBytes } from "../../ffi/text.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { type Descriptor, LOCK, moveUp, O, open } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { ContainerError } from "../../spec/errors.ts";

// linux/loop.h
const LOOP_CONFIGURE = 0x4c0a;
const LOOP_CTL_GET_FREE = 0x4c82;
const LO_FLAGS_READ_ONLY = 1;
const LO_FLAGS_AUTOCLEAR = 4;
const CONFIG = { size: 304, fd: 0, flags: 60, name: 64 } as const;
/** The largest length of the name that losetup(8) shows. */
export const NAME_MAX = 63;

/** How often to retry if another program takes the free device first. */
const TRIES = 64;

/**
 * Attaches a file to a free loop device.
 *
 * The file stays locked, flock(2), while the device has it. Two writable mounts
 * of one file system would destroy it, and a read-only one would see it change.
 *
 * @throws ContainerError if there are no loop devices, the file is in use, or
 * the caller lacks the permission
 */
export function attachLoop(
  path: string,
  { readonly }: { readonly: boolean },
): Descriptor {
  const failed = (reason: string, hint: string, cause?: unknown) =>
    new ContainerError(
      `Cannot attach ${path} to a loop device: ${reason}`,
      { hint, cause },
    );
  try {
    using file = open(path, readonly ? O.O_RDONLY : O.O_RDWR);
    const lock = readonly ? LOCK.shared : LOCK.exclusive;
    try {
      syscall("flock", file.fd, lock | LOCK.atOnce);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.code !== "EAGAIN") {
        throw error;
      }
      throw failed(
        "it is in use",
        readonly
          ? "A container writes to the image. Wait until it ends, or use a copy."
          : "Writing requires that no one else uses the image. Use a copy, or keep changes elsewhere with --ephemeral or --overlay.",
        error,
      );
    }
    using control = open("/dev/loop-control", O.O_RDWR);
    for (let left = TRIES;; left--) {
      const number = syscall("ioctl", control.fd, LOOP_CTL_GET_FREE, 0);
      const device = moveUp(
        open(`/dev/loop${number}`, readonly ? O.O_RDONLY : O.O_RDWR),
      );
      try {
        syscall(
          "ioctl",
          device.fd,
          LOOP_CONFIGURE,
          configuration(file.fd, path, readonly),
        );
        return device;
      } catch (error) {
        device.close();
        const taken = error instanceof SyscallError && error.code === "EBUSY";
        if (!taken || !left) throw error;
      }
    }
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    const none = ["ENOENT", "ENXIO", "ENODEV"].includes(error.code);
    throw failed(
      error.message.replace(/^Cannot call /, ""),
      none
        ? "This machine has no loop devices. Run modprobe loop as root, or unpack the image into a directory."
        : "Run as root (sudo), or unpack the image into a directory.",
      error,
    );
  }
}

/** struct loop_config. */
function configuration(
  fd: number,
  path: string,
  readonly: boolean,
): Uint8Array {
  const bytes = new Uint8Array(CONFIG.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(CONFIG.fd, fd, true);
  view.setUint32(
    CONFIG.flags,
    LO_FLAGS_AUTOCLEAR | (readonly ? LO_FLAGS_READ_ONLY : 0),
    true,
  );
  // Only losetup(8) uses the name.
  const name = toBytes(path).subarray(0, NAME_MAX);
  bytes.set(name, CONFIG.name);
  return bytes;
}
