/** What is fixed about the programs that are the way out of a user's container. */

import type { WayOut } from "./network.ts";

/** The programs, in the order in which they are tried. */
export const WAYS_OUT = ["pasta", "slirp4netns"] as const;

/** Where the program answers DNS, with what the host's servers say. */
export const DNS_ADDRESS: Readonly<Record<WayOut["program"], string>> = {
  pasta: "169.254.1.1",
  slirp4netns: "10.0.2.3",
};
