/** Devices that a bundle asks for in a /dev that is the host's. Reads only, on the host. */

import { isBind } from "../../plan/mounts/options.ts";
import type { Device, Spec } from "../../spec/types.ts";
import type { Warn } from "./hooks/hooks.ts";

/**
 * Says which devices there will not be. Nothing is made in a /dev that is bound
 * from the host, where it would stay; other runtimes say nothing of it.
 */
export function warnOfDevices({ mounts = [], linux }: Spec, warn: Warn): void {
  const dev = mounts.findLast(({ destination }) => destination === "/dev");
  if (!dev || !isBind(dev)) return;
  for (const device of linux.devices ?? []) {
    if (!device.path.startsWith("/dev/")) continue;
    const place = `${dev.source}${device.path.slice("/dev".length)}`;
    if (isThere(place, device)) continue;
    warn(
      `linux.devices: ${device.path} is not made, since /dev is ${dev.source} of the host`,
    );
  }
}

/** Whether the device is there, by its numbers; makedev(3). */
function isThere(path: string, { major = 0, minor = 0 }: Device): boolean {
  try {
    const { rdev } = Deno.lstatSync(path);
    const number = (minor & 0xff) + (major & 0xfff) * 0x100 +
      (minor >>> 8) * 0x100000;
    return rdev === number;
  } catch {
    return false;
  }
}
