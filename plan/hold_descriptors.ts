/**
 * The descriptors by which a waiting process reaches the commands that create
 * and start its container.
 */

import type { Spec } from "../spec/types.ts";

export interface HoldDescriptors {
  /** Leads to the creating command. */
  status: number;
  /** Leads to the starting command. */
  start: number;
}

/**
 * Their numbers once the command's own descriptors are in place: directly
 * behind those.
 */
export const holdDescriptors = ({ process }: Spec): HoldDescriptors => {
  const { preserve = 0 } = process;
  return { status: 3 + preserve, start: 4 + preserve };
};
