/**
 * Standard streams that are the null device. Through an open descriptor root
 * inside could change the mode of the host's own for everybody, so each becomes
 * one of the container's, or one that is made for it: never is the host's kept.
 */

import { lend } from "./devices.ts";
import type { Spec } from "../spec/types.ts";
import type { Facts } from "./facts.ts";
import { mountOptions } from "./mount_options.ts";
import type { Step } from "./step.ts";

const PLACE = "/dev/null";
const LENT = "null";

/** What is put in the place of the null device that a stream is. */
type Origin =
  /** The node of the container's own /dev, which is there. */
  | "own"
  /** What the container has there, and else one that is made. */
  | "found"
  /** The host's, lent: in a user namespace no node can be made. */
  | "lent";

/** A /dev that our own steps fill. */
const hasOwnDev = ({ mounts = [] }: Spec) =>
  mounts.some(({ destination, type, options = [] }) =>
    destination === "/dev" && type !== "bind" && !mountOptions(options).bind
  );

function originOf(spec: Spec, { joins, bindDevices }: Facts): Origin {
  if (joins) return "found";
  if (hasOwnDev(spec)) return "own";
  return bindDevices ? "lent" : "found";
}

/** Those that no terminal takes the place of. */
const chosen = ({ process }: Spec, facts: Facts) =>
  facts.nullStreams.filter((fd) =>
    !process.terminal || !facts.terminalStreams.includes(fd)
  );

function reopen(descriptors: readonly number[], origin: Origin): Step[] {
  if (!descriptors.length) return [];
  return [{
    step: "reopenNull",
    descriptors,
    make: origin === "found",
    why:
      "through an open descriptor root inside could change the mode of the host's /dev/null for everybody",
    man: "open(2), dup(2), null(4)",
  }];
}

/** Before the root changes: the host's, where there is no other. */
export function lendNull(spec: Spec, facts: Facts): Step[] {
  const descriptors = chosen(spec, facts);
  if (!descriptors.length || originOf(spec, facts) !== "lent") return [];
  return [
    ...lend(
      LENT,
      PLACE,
      "the container has no /dev of its own, and a device node cannot be made in a user namespace: the host's own is lent",
    ),
    {
      step: "attach",
      name: LENT,
      target: PLACE,
      why:
        "over the host's, in this mount namespace alone: what is opened there cannot be changed",
      man: "move_mount(2)",
    },
    ...reopen(descriptors, "lent"),
  ];
}

/** Once the container has its root, with the rights of root inside. */
export function reopenNull(spec: Spec, facts: Facts): Step[] {
  const origin = originOf(spec, facts);
  return origin === "lent" ? [] : reopen(chosen(spec, facts), origin);
}
