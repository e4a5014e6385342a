/**
 * Mounts the file system in an image file, detached. Runs on the host, in the
 * parent. The kernel unmounts it with its last descriptor or mount.
 */

import { type Errno, SyscallError } from "../../ffi/errno.ts";
import { Descriptor, moveUp } from "../../ffi/fcntl.ts";
import { rawSyscall, syscall } from "../../ffi/libc.ts";
import { cString } from "../../ffi/memory.ts";
import {
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR,
} from "../../ffi/mount.ts";
import type { StepOf } from "../../plan/step.ts";
import { describe } from "../../explain/steps/describe.ts";
import { ContainerError } from "../../spec/errors.ts";
import { attachLoop } from "./loop_device.ts";

const MESSAGE_MAX = 1024;

/** The commands that repair a file system's journal. */
const REPAIR: Record<string, string | undefined> = {
  ext4: "e2fsck -f",
};

/**
 * Carries out a mountImage step.
 *
 * @throws ContainerError with the kernel's own messages about the file system
 */
export function mountImage(step: StepOf<"mountImage">): Descriptor {
  const { image, type, readonly } = step;
  using device = attachLoop(image, { readonly });
  let context: Descriptor | undefined;
  try {
    context = moveUp(
      new Descriptor(syscall("fsopen", cString(type), FSOPEN_CLOEXEC)),
    );
    const configure = (command: number, key: string | null, value?: string) =>
      syscall(
        "fsconfig",
        context!.fd,
        command,
        key === null ? null : cString(key),
        value === undefined ? null : cString(value),
        0,
      );
    configure(
      FSCONFIG.FSCONFIG_SET_STRING,
      "source",
      `/proc/self/fd/${device.fd}`,
    );
    if (readonly) configure(FSCONFIG.FSCONFIG_SET_FLAG, "ro");
    configure(FSCONFIG.FSCONFIG_CMD_CREATE, null);
    // A device node in a file from elsewhere must not give access to a device,
    // whatever else the container may do. Set-user-ID files work as they do in
    // a directory.
    const attributes = MOUNT_ATTR.MOUNT_ATTR_NODEV |
      (readonly ? MOUNT_ATTR.MOUNT_ATTR_RDONLY : 0);
    return moveUp(
      new Descriptor(
        syscall("fsmount", context.fd, FSMOUNT_CLOEXEC, attributes),
      ),
    );
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    const words = context ? messages(context) : [];
    throw new ContainerError(
      `Cannot ${describe(step)}: ${error.message.replace(/^Cannot call /, "")}${
        words.length ? ` (the kernel: ${words.join("; ")})` : ""
      }`,
      { hint: hintFor(error.code, step), cause: error },
    );
  } finally {
    context?.close();
  }
}

function hintFor(
  code: Errno | `E${number}`,
  { image, type, readonly }: StepOf<"mountImage">,
): string {
  if (code === "ENODEV") {
    return `This kernel does not support ${type}. Run modprobe ${type} as root, or unpack the image into a directory.`;
  }
  if (code === "EPERM" || code === "EACCES") {
    return "Run as root (sudo), or unpack the image into a directory.";
  }
  const repair = REPAIR[type];
  if (code === "EROFS" && readonly && repair) {
    return `The image was not unmounted cleanly, and a read-only mount cannot repair it. Run ${repair} ${image}.`;
  }
  return `The image is damaged or truncated, or this kernel does not support its format: ${
    repair ? `try ${repair} on a copy of it, or ` : ""
  }create it again.`;
}

/**
 * The kernel's messages about the file system, fsopen(2): one line per read.
 */
function messages(context: Descriptor): string[] {
  const lines: string[] = [];
  for (;;) {
    const bytes = new Uint8Array(MESSAGE_MAX);
    const length = rawSyscall("read", context.fd, bytes, bytes.length);
    if (length <= 0) return lines;
    const text = new TextDecoder().decode(bytes.subarray(0, length)).trim();
    lines.push(text.replace(/^[ewi] /, ""));
  }
}
