/**
 * What takes back the changes of a container on the host, for the ready plan of
 * its delete (launch/ready_plans.ts).
 *
 * @module
 */

import { splitDevice } from "../cgroup/devices.ts";
import { AT_FDCWD } from "../ffi/fcntl.ts";
import type { RecordedUndo } from "../plan/undo.ts";
import type { Instruction } from "./bytecode/call.ts";

const AT_REMOVEDIR = 0x200;

/**
 * The same as launch/host/undo.ts. A cgroup with processes is left to the
 * runtime, which ends them.
 */
export function takeBack({ operation, made }: RecordedUndo): Instruction[] {
  const isKnown = made || "unique" in operation && operation.unique;
  if ("path" in operation && !isKnown) {
    return [{ name: "fail", error: "EBUSY" }];
  }
  switch (operation.undo) {
    case "removeCgroup":
    case "removeClass":
      return ifStill(operation.path, made, [removeDirectory(operation.path)]);
    case "leaveCgroup":
    case "removeEmpty":
      // They may hold another container.
      return ifStill(operation.path, made, [
        removeDirectory(operation.path, "EBUSY", "ENOTEMPTY"),
      ]);
    case "removeFile":
      return ifStill(operation.path, made, [unlink(operation.path)]);
    // Only `run` learns profiles, and has images and networks.
    case "removeUnwritten":
    case "discard":
    case "leaveNetwork":
    case "restoreForwarding":
    case "removeHosts":
    case "withdrawPorts":
    case "releasePorts":
    case "changeHosts":
    case "endWayOut":
    case "leaveResolver":
      return [{ name: "fail", error: "EBUSY" }];
    // The kernel has moved it back, or removed it, with the namespace.
    case "returnDevice":
    case "removeRecord":
      return [];
  }
}

// struct statx of linux/stat.h
const STATX_SIZE = 256;
const STATX_INO = 0x100;
const INODE = 32;
const DEVICE = 136;
const AT_SYMLINK_NOFOLLOW = 0x100;

/** Skips instructions if a path is gone, or is another program's by now. */
function ifStill(
  path: string,
  made: RecordedUndo["made"],
  instructions: readonly Instruction[],
): Instruction[] {
  if (!made) return [...instructions];
  const found = new Uint8Array(STATX_SIZE);
  const inode = eightBytes(BigInt(made.inode));
  const device = new Uint8Array(8);
  const { major, minor } = splitDevice(made.device);
  new DataView(device.buffer).setUint32(0, major, true);
  new DataView(device.buffer).setUint32(4, minor, true);
  const same = (
    at: number,
    wanted: Uint8Array,
    rest: number,
  ): Instruction => ({
    name: "compare",
    args: [{ partOf: found, at }, wanted, wanted.length],
    otherwise: "ESTALE",
    expect: ["ESTALE"],
    skipOnExpected: rest,
  });
  return [
    {
      name: "statx",
      args: [AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO, found],
      expect: ["ENOENT", "ENOTDIR"],
      skipOnExpected: instructions.length + 2,
    },
    same(INODE, inode, instructions.length + 1),
    same(DEVICE, device, instructions.length),
    ...instructions,
  ];
}

/** A number as the eight bytes of a slot. */
export function eightBytes(number: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, number, true);
  return bytes;
}

/** Removes a file, if it is there. */
export const unlink = (path: string): Instruction => ({
  name: "unlinkat",
  args: [AT_FDCWD, path, 0],
  expect: ["ENOENT"],
});

/** Removes a directory, if it is there. @param fine other errors that are expected */
export const removeDirectory = (
  path: string,
  ...fine: ("EBUSY" | "ENOTEMPTY")[]
): Instruction => ({
  name: "unlinkat",
  args: [AT_FDCWD, path, AT_REMOVEDIR],
  expect: ["ENOENT", ...fine],
});
