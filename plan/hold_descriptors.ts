/** Where the ways to the commands that create and start a container are. */

import type { Spec } from "../spec/types.ts";

export interface Ways {
  status: number;
  start: number;
}

/** Where they are from when the command's own descriptors are in place. */
export const waysOf = ({ process }: Spec): Ways => {
  const { preserve = 0 } = process;
  return { status: 3 + preserve, start: 4 + preserve };
};
