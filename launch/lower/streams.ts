/** Lowering of the command's standard streams. */

import { toBytes } from "../../ffi/text.ts";
import { AT_EMPTY_PATH, O } from "../../ffi/fcntl.ts";
import { MOUNT_ATTR } from "../../ffi/mount.ts";
import type { Comparison, Instruction } from "../bytecode/call.ts";
import { deviceNumber, FILE_TYPE } from "./device_node.ts";
import type { Lowering } from "./lowering.ts";
import { openInside } from "./path_inside.ts";
import { create } from "./mounts.ts";

const STATX_BASIC_STATS = 0x7ff;
/**
 * struct statx: its size, and the offsets of the mode's upper byte and of the
 * device numbers.
 */
const STATX = { size: 256, mode: 29, numbers: 128 } as const;
/** The upper byte of the mode of a character device that its owner may read. */
const READABLE_CHARACTER = 0x21;

/** The character device that a stream becomes, by its path inside. */
export interface StreamDevice {
  path: string;
  major: number;
  minor: number;
}

/** Checks the file in a slot; fails with ENODEV if it is not this device. */
function lookAt(
  { major, minor }: StreamDevice,
  slot: string,
): [look: Instruction, mode: Comparison, numbers: Comparison] {
  const found = new Uint8Array(STATX.size);
  const same = (at: number, wanted: Uint8Array): Comparison => ({
    name: "compare",
    args: [{ partOf: found, at }, wanted, wanted.length],
    otherwise: "ENODEV",
  });
  return [
    {
      name: "statx",
      args: [{ slot }, "", AT_EMPTY_PATH, STATX_BASIC_STATS, found],
    },
    same(STATX.mode, new Uint8Array([READABLE_CHARACTER])),
    same(
      STATX.numbers,
      new Uint8Array(new Uint32Array([major, minor]).buffer),
    ),
  ];
}

/** Makes a node of our own, in a file system that nobody else can reach. */
function makeNode(device: StreamDevice, slot: string): Instruction[] {
  const name = "device";
  const node = [{ slot: "made" }, name] as const;
  const mode = 0o666;
  return [
    ...create(
      "tmpfs",
      "device",
      ["mode=700"],
      MOUNT_ATTR.MOUNT_ATTR_NOSUID | MOUNT_ATTR.MOUNT_ATTR_NOEXEC,
      "made",
    ),
    {
      name: "mknodat",
      args: [
        ...node,
        FILE_TYPE.c | mode,
        deviceNumber(device),
      ],
    },
    // The umask limits mknod's mode.
    { name: "fchmodat", args: [...node, mode] },
    {
      name: "openat",
      args: [...node, O.O_RDWR | O.O_CLOEXEC, 0],
      result: slot,
    },
    { name: "close", args: [{ slot: "made" }] },
    ...lookAt(device, slot),
  ];
}

/**
 * Opens a device of the container as `slot`. No magic link is followed: one to
 * /proc/self/fd/0 would lead to the host's device again. Root inside may
 * replace the file, so it is checked after it is open.
 *
 * @param make if the device is missing or another file, make one, which needs
 * CAP_MKNOD in the initial user namespace
 */
export function openDevice(
  device: StreamDevice,
  slot: string,
  make: boolean,
): Instruction[] {
  const open = openInside(device.path, O.O_RDWR | O.O_NOCTTY, slot);
  const [look, mode, numbers] = lookAt(device, slot);
  if (!make) return [open, look, mode, numbers];
  const replace: Instruction[] = [
    { name: "close", args: [{ slot }] },
    ...makeNode(device, slot),
  ];
  return [
    {
      ...open,
      expect: [
        ...["ENOENT", "ENOTDIR", "ENXIO", "EACCES"] as const,
        ...["ELOOP", "EISDIR", "EPERM", "ENODEV"] as const,
      ],
      skipOnExpected: 4,
    },
    look,
    { ...mode, expect: ["ENODEV"], skipOnExpected: 1 },
    { ...numbers, expect: ["ENODEV"], skipOnSuccess: replace.length },
    ...replace,
  ];
}

const NULL: StreamDevice = { path: "/dev/null", major: 1, minor: 3 };

/** Opens a device inside and replaces streams with it. */
const replace = (
  device: StreamDevice,
  descriptors: readonly number[],
  make: boolean,
): Instruction[] => {
  const slot = device.path.slice(device.path.lastIndexOf("/") + 1);
  return [
    ...openDevice(device, slot, make),
    ...descriptors.map((fd): Instruction => ({
      name: "dup3",
      args: [{ slot }, fd, 0],
    })),
    { name: "close", args: [{ slot }] },
  ];
};

export const lowerStreams: Lowering<
  "announce" | "giveStreams" | "reopenNull" | "reopenDevice"
> = {
  announce: ({ text }) => [{
    name: "write",
    args: [2, text, toBytes(text).length],
    // If nobody can read it, that is no reason not to run.
    expect: ["EPIPE", "EBADF", "EIO", "EAGAIN", "ENOSPC", "EINVAL", "ENXIO"],
  }],
  // The owner may have no id inside, which is no reason not to start.
  giveStreams: ({ descriptors, uid }) =>
    descriptors.map((fd) => ({
      name: "fchown",
      args: [fd, uid, -1],
      expect: ["EPERM", "EINVAL", "EROFS"],
    })),
  reopenNull: ({ descriptors, make }) => replace(NULL, descriptors, make),
  reopenDevice: ({ descriptors, make, ...device }) =>
    replace(device, descriptors, make),
};
