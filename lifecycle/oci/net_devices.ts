/** linux.netDevices of a container that is created. Runs on the host. */

import type { MovedDevices } from "../../network/move_device.ts";
import { SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";

/**
 * Moves the interfaces that a configuration names to a container's first
 * process; null where it names none.
 *
 * @throws {SpecError} where the container has the host's network,
 * {ContainerError} where one cannot be moved: all are where they were then
 */
export async function moveDevices(
  { linux: { netDevices, namespaces } }: Spec,
  pid: number,
): Promise<MovedDevices | null> {
  if (!netDevices || !Object.keys(netDevices).length) return null;
  if (!namespaces.some(({ type }) => type === "network")) {
    throw new SpecError(
      "linux.netDevices: the container has no network namespace to move them to",
      { hint: "Add one to linux.namespaces: network." },
    );
  }
  const { MovedDevices } = await import("../../network/move_device.ts");
  return MovedDevices.to(pid, netDevices);
}
