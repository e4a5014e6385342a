/** The arguments of mknod(2) for a device node. Pure. */

import type { Device } from "../../spec/types.ts";

/** The file type bits of a mode, by the letter in config.json. */
export const FILE_TYPE: Record<Device["type"], number> = {
  c: 0o020000,
  u: 0o020000,
  b: 0o060000,
  p: 0o010000,
};

/** makedev(3). */
export function deviceNumber(
  { major = 0, minor = 0 }: Pick<Device, "major" | "minor">,
): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)];
  return (b & 0xffn) | ((a & 0xfffn) << 8n) | ((b & ~0xffn) << 12n) |
    ((a & ~0xfffn) << 32n);
}
