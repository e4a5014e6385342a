/**
 * linux.netDevices of a container. Runs on the host, in the command that
 * creates it.
 */

import type { MovedDevices } from "../../network/move_device.ts";
import type { Spec } from "../../spec/types.ts";

/**
 * Moves the network interfaces that a configuration names to the container's
 * first process; null if it names none.
 *
 * @throws {ContainerError} if one cannot be moved; then all are back on the
 * host
 */
export async function moveDevices(
  { linux: { netDevices } }: Spec,
  pid: number,
): Promise<MovedDevices | null> {
  if (!netDevices || !Object.keys(netDevices).length) return null;
  const { MovedDevices } = await import("../../network/move_device.ts");
  return MovedDevices.to(pid, netDevices);
}
