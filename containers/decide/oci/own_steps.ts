/**
 * Plans what only a container of `create` changes on the host. Only reads. Runs
 * on the host, in the command that creates the container.
 */

import type { HostStep } from "../../../plan/step.ts";
import type { Spec } from "../../../spec/types.ts";
import type { World } from "../../world/world.ts";
import { startFifo } from "../start_fifo.ts";
import { planDevices } from "./net_devices.ts";
import { makeNotifyDirectory } from "./notify.ts";

/** What the steps depend on. */
interface Asked {
  id: string;
  spec: Spec;
  /** The container's own directory. */
  directory: string;
  /** The directory of its socket for sd_notify(3), if it gets one. */
  notify?: string;
  pidFile?: string;
}

/**
 * The steps of the host phase, in addition to those of every container.
 *
 * @throws {SpecError} if this machine does not have what is requested
 */
export async function ownSteps(
  { id, spec, directory, notify, pidFile }: Asked,
  world: World,
): Promise<HostStep[]> {
  const { intelRdt } = spec.linux;
  return [
    startFifo(directory),
    ...(notify === undefined ? [] : [makeNotifyDirectory(notify)]),
    ...(intelRdt
      ? (await import("./intel_rdt.ts")).planClass(intelRdt, id, world)
      : []),
    ...planDevices(spec),
    ...(pidFile === undefined ? [] : [pidFileStep(pidFile)]),
  ];
}

/** Writes the PID of the process for an engine. */
export const pidFileStep = (path: string): HostStep => ({
  step: "writePidFile",
  path,
  why: "an engine reads the PID when this command has ended",
  man: "rename(2)",
  undo: "kept",
  ifFailed: [{ undo: "removeFile", path }],
});
