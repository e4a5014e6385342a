/**
 * Finds /proc and /sys. The name alone is not enough: somebody who shares the
 * root filesystem may have put something else there, or moved the mount. These
 * instructions end with a descriptor of the kernel's own file system, or they
 * fail.
 */

import { toBytes } from "../../ffi/text.ts";
import { AT_FDCWD, O } from "../../ffi/fcntl.ts";
import {
  OPEN_HOW_SIZE,
  openHow,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_XDEV,
} from "../../ffi/openat2.ts";
import type { KernelAnchor, KernelType } from "../../plan/step.ts";
import type { Argument, Comparison, Instruction } from "../bytecode/call.ts";

/** The path and the statfs(2) magic number of each. */
const KERNEL: Record<KernelType, { place: string; magic: bigint }> = {
  proc: { place: "/proc", magic: 0x9fa0n },
  sysfs: { place: "/sys", magic: 0x62656572n },
};

const STATFS_SIZE = 120;
const SLOT = "kernel";

const magicOf = (type: KernelType) =>
  new Uint8Array(new BigUint64Array([KERNEL[type].magic]).buffer);
const MAGIC = { proc: magicOf("proc"), sysfs: magicOf("sysfs") };

/** Fails with ELOOP if a file is on /proc or /sys: only a link leads there. */
export function refuseKernel(slot: string): Instruction[] {
  const found = new Uint8Array(STATFS_SIZE);
  const is = (type: KernelType): Comparison => ({
    name: "compare",
    args: [found, MAGIC[type], MAGIC[type].length],
    otherwise: "EXDEV",
    expect: ["EXDEV"],
  });
  return [
    { name: "fstatfs", args: [{ slot }, found] },
    { ...is("proc"), skipOnExpected: 1 },
    { name: "fail", error: "ELOOP" },
    { ...is("sysfs"), skipOnExpected: 1 },
    { name: "fail", error: "ELOOP" },
  ];
}

/** Opens a kernel file system and checks it. */
export function openKernel(type: KernelType): Instruction[] {
  const { place } = KERNEL[type];
  const found = new Uint8Array(STATFS_SIZE);
  const wanted = MAGIC[type];
  return [
    {
      name: "openat",
      args: [
        AT_FDCWD,
        place,
        O.O_PATH | O.O_DIRECTORY | O.O_NOFOLLOW | O.O_CLOEXEC,
        0,
      ],
      result: SLOT,
    },
    { name: "fstatfs", args: [{ slot: SLOT }, found] },
    {
      name: "compare",
      args: [found, wanted, wanted.length],
      otherwise: "EXDEV",
    },
  ];
}

/** Closes the descriptor that {@linkcode openKernel} opened. */
export const closeKernel: Instruction = {
  name: "close",
  args: [{ slot: SLOT }],
};

/**
 * A path in the form directory and name, for the system calls that take both.
 */
export interface Place {
  before: Instruction[];
  at: readonly [directory: Argument, path: string];
  after: Instruction[];
}

/** A path; if it is on a kernel file system, relative to that one. */
export function placeOf(
  path: string,
  within?: KernelAnchor | KernelType,
): Place {
  if (!within) return { before: [], at: [AT_FDCWD, path], after: [] };
  const { type, opens, closes } = typeof within === "string"
    ? { type: within, opens: true, closes: true }
    : within;
  return {
    before: opens ? openKernel(type) : [],
    at: [{ slot: SLOT }, path.slice(KERNEL[type].place.length + 1)],
    after: closes ? [closeKernel] : [],
  };
}

/**
 * Does not cross into other mounts: the write has to reach the kernel, not a
 * volume mounted over the path.
 */
const KERNELS_OWN = openHow(
  O.O_WRONLY | O.O_NOFOLLOW | O.O_CLOEXEC,
  RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
);

/** Writes a text to a file below /proc. */
export function writeToProc(path: string, text: string): Instruction[] {
  const { before, at, after } = placeOf(path, "proc");
  return [
    ...before,
    {
      name: "openat2",
      args: [...at, KERNELS_OWN, OPEN_HOW_SIZE],
      result: "file",
    },
    {
      name: "write",
      args: [{ slot: "file" }, text, toBytes(text).length],
    },
    { name: "close", args: [{ slot: "file" }] },
    ...after,
  ];
}
