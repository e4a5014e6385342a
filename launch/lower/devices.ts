/** Lowering of device nodes. */

import type { StepOf } from "../../plan/step.ts";
import type { Device } from "../../spec/types.ts";
import type { Instruction } from "../bytecode/call.ts";
import { deviceNumber, FILE_TYPE } from "./device_node.ts";
import type { Lowering } from "./lowering.ts";
import { placeInside } from "./path_inside.ts";
import type { Place } from "./kernel_filesystems.ts";
import { above, makeDirectory } from "./mounts.ts";

const AT_SYMLINK_NOFOLLOW = 0x100;
const STATX_BASIC_STATS = 0x7ff;
/** struct statx, statx(2). */
const STATX = { size: 256, mode: 28, device: 128 } as const;

const modeOf = ({ type, fileMode = 0o666 }: Device) =>
  FILE_TYPE[type] | fileMode;

/** Fails with EEXIST if the existing file is not the same device. */
function checkSame(
  device: StepOf<"makeDevice">,
  at: Place["at"],
): Instruction[] {
  const found = new Uint8Array(STATX.size);
  const mode = new Uint8Array(new Uint16Array([modeOf(device)]).buffer);
  const number = new Uint8Array(
    new Uint32Array([device.major ?? 0, device.minor ?? 0]).buffer,
  );
  const same = (at: number, wanted: Uint8Array): Instruction => ({
    name: "compare",
    args: [{ partOf: found, at }, wanted, wanted.length],
    otherwise: "EEXIST",
  });
  const checks = device.type === "p" ? [same(STATX.mode, mode)] : [
    same(STATX.device, number),
    // The upper byte of the mode contains the file type: a block device may
    // have the same numbers.
    same(STATX.mode + 1, mode.subarray(1)),
  ];
  return [
    {
      name: "statx",
      args: [...at, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, found],
      ...(device.ifWritable
        ? { expect: ["ENOENT"], skipOnExpected: checks.length } as const
        : {}),
    },
    ...checks,
  ];
}

export const lowerDevices: Lowering<"makeDevice"> = {
  makeDevice: (device) => {
    const { before, at, after } = placeInside(device.path);
    const { uid = 0, gid = 0, fileMode = 0o666 } = device;
    const check = checkSame(device, at);
    const settings: Instruction[] = [
      ...(uid || gid
        ? [{ name: "fchownat", args: [...at, uid, gid, 0] } as const]
        : []),
      // The umask limits mknod's mode.
      {
        name: "fchmodat",
        args: [...at, fileMode],
        skipOnSuccess: check.length,
      },
    ];
    return [
      ...above(device.path, device.inside).flatMap(makeDirectory),
      ...before,
      {
        name: "mknodat",
        args: [...at, modeOf(device), deviceNumber(device)],
        expect: ["EEXIST", ...(device.ifWritable ? ["EROFS"] as const : [])],
        skipOnExpected: settings.length,
      },
      ...settings,
      ...check,
      ...after,
    ];
  },
};
