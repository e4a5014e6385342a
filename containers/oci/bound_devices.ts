/**
 * Devices that a bundle requests in a /dev that is bound from the host. Only
 * reads. Runs on the host, in the command that creates the container.
 */

import { isBind } from "../../plan/mounts/options.ts";
import type { Device, Spec } from "../../spec/types.ts";
import type { Warn } from "./hooks/hooks.ts";

/**
 * Warns about requested devices that will be missing. Nothing is created in a
 * /dev that is bound from the host, because it would stay there. Other runtimes
 * do not warn.
 */
export function warnOfDevices({ mounts = [], linux }: Spec, warn: Warn): void {
  const dev = mounts.findLast(({ destination }) => destination === "/dev");
  if (!dev || !isBind(dev)) return;
  for (const device of linux.devices ?? []) {
    if (!device.path.startsWith("/dev/")) continue;
    const place = `${dev.source}${device.path.slice("/dev".length)}`;
    if (isThere(place, device)) continue;
    warn(
      `linux.devices: ${device.path} is not created, because /dev is ${dev.source} of the host`,
    );
  }
}

/** Whether the path is this device, by its numbers; makedev(3). */
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
