/**
 * Guards for what a decision has read of the process and the kernel, for
 * containers/reuse/guards.ts. Pure.
 */

import { cString } from "../../ffi/memory.ts";
import { RLIMIT } from "../../ffi/resource.ts";
import type { Argument, EntryInstruction } from "../../launch/bytecode/call.ts";
import { CAPABILITIES } from "../../plan/process/capabilities.ts";
import type { Answer } from "../world/log.ts";
import type { CapabilitySets } from "../world/world.ts";

/** Fails unless these bytes are the same. */
export const same = (
  found: Argument,
  wanted: Uint8Array,
): EntryInstruction => ({
  name: "compare",
  args: [found, wanted, wanted.length],
  otherwise: "ESTALE",
});

// linux/capability.h, linux/prctl.h
const CAPABILITY_VERSION_3 = 0x20080522;
const CAPABILITY_SETS = 24;
const SECOND_HALF = 12;
const PR_CAPBSET_READ = 23;

/** capget(2) for the effective set, prctl(2) for the bounding set. */
export function hasCapabilities(
  { effective, bounding }: CapabilitySets,
): EntryInstruction[] {
  const header = bytesOf(
    8,
    (view) => view.setUint32(0, CAPABILITY_VERSION_3, true),
  );
  const sets = new Uint8Array(CAPABILITY_SETS);
  const half = (from: bigint) =>
    bytesOf(4, (view) =>
      view.setUint32(
        0,
        Number(BigInt(`0x${effective}`) >> from & 0xffffffffn),
        true,
      ));
  const bounds = BigInt(`0x${bounding}`);
  return [
    { name: "capget", args: [header, sets] },
    same({ partOf: sets, at: 0 }, half(0n)),
    same({ partOf: sets, at: SECOND_HALF }, half(32n)),
    ...CAPABILITIES.map((_, number): EntryInstruction => {
      const isIn = (bounds >> BigInt(number) & 1n) === 1n;
      return {
        name: "prctl",
        args: [PR_CAPBSET_READ, number, 0, 0, 0],
        want: { result: Number(isIn), otherwise: "EPERM" },
        // The kernel is older than this capability.
        ...isIn ? {} : { expect: ["EINVAL"] },
      };
    }),
  ];
}

/** getrlimit(2): a hard limit; null for a name that the log should not have. */
export function hasLimit(
  type: string,
  answer: Answer,
): EntryInstruction[] | null {
  const { [type]: resource } = RLIMIT;
  // No machine knows this name.
  if (resource === undefined) return answer === null ? [] : null;
  const found = new Uint8Array(16);
  const wanted = bytesOf(
    8,
    (view) => view.setBigUint64(0, BigInt(String(answer)), true),
  );
  return [
    { name: "prlimit64", args: [0, resource, null, found] },
    same({ partOf: found, at: 8 }, wanted),
  ];
}

// struct new_utsname of linux/utsname.h: six texts of 65 bytes.
const UTSNAME_SIZE = 6 * 65;
const NAMES = { node: 65, release: 2 * 65 } as const;

/** uname(2): a name of the machine. */
export function hasName(
  which: keyof typeof NAMES,
  name: string,
): EntryInstruction[] {
  const found = new Uint8Array(UTSNAME_SIZE);
  return [
    { name: "uname", args: [found] },
    same({ partOf: found, at: NAMES[which] }, cString(name)),
  ];
}

/** Bytes that a function fills. */
export function bytesOf(
  size: number,
  fill: (view: DataView) => void,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  fill(new DataView(bytes.buffer));
  return bytes;
}
