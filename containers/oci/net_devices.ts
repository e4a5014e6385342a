/** linux.netDevices of a container that is created. Runs on the host. */

import type { MovedDevices } from "../../network/move_device.ts";
import type { Spec } from "../../spec/types.ts";

/**
 * Moves the interfaces that a configuration names to a container's first
 * process; null where it names none.
 *
 * @throws {ContainerError} where one cannot be moved: all are where they were then
 */
export async function moveDevices(
  { linux: { netDevices } }: Spec,
  pid: number,
): Promise<MovedDevices | null> {
  if (!netDevices || !Object.keys(netDevices).length) return null;
  const { MovedDevices } = await import("../../network/move_device.ts");
  return MovedDevices.to(pid, netDevices);
}
