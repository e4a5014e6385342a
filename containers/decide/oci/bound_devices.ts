/**
 * Devices that a bundle requests in a /dev that is bound from the host. Only
 * reads; changes nothing. Runs on the host, in the command that creates the
 * container.
 */

import { splitDevice } from "../../../cgroup/devices.ts";
import { isBind } from "../../../plan/mounts/options.ts";
import type { Device, Spec } from "../../../spec/types.ts";
import type { World } from "../../world/world.ts";
import { orNull } from "../requester.ts";

/**
 * A sentence on each requested device that will be missing. Nothing is created
 * in a /dev that is bound from the host, because it would stay there. Other
 * runtimes do not warn.
 */
export function missingDevices(
  { mounts = [], linux: { devices = [] } }: Spec,
  world: World,
): string[] {
  const dev = mounts.findLast(({ destination }) => destination === "/dev");
  if (!dev || !isBind(dev)) return [];
  const { source } = dev;
  return devices.flatMap((device) => {
    if (!device.path.startsWith("/dev/")) return [];
    const place = `${source}${device.path.slice("/dev".length)}`;
    return isThere(place, device, world) ? [] : [
      `linux.devices: ${device.path} is not created, because /dev is ${source} of the host`,
    ];
  });
}

/** Whether the path is this device, by its numbers. */
function isThere(
  path: string,
  { major = 0, minor = 0 }: Device,
  world: World,
): boolean {
  const info = orNull(() => world.lstat(path));
  if (!info) return false;
  const found = splitDevice(info.rdev);
  return found.major === major && found.minor === minor;
}
