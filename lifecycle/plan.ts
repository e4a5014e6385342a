/** The plan of a container, for programs. */

import type { Plan } from "../plan/step.ts";
import type { ContainerOptions } from "./options.ts";
import { DEFAULT_ROOTFS } from "./root_filesystem.ts";
import { prepare } from "./run.ts";

/** What {@linkcode run} would do, in order and with the reason of each step. Changes nothing and needs no rights. */
export async function plan(options: ContainerOptions): Promise<Plan> {
  const prepared = await prepare(options, options.rootfs ?? DEFAULT_ROOTFS);
  return prepared.plan;
}
