/**
 * Standard streams that are the null device, or another that every container
 * has. Through an open descriptor root inside could change the mode of the host's
 * own for everybody, so each becomes one of the container's, or one that is made
 * for it: never is the host's kept.
 */

import { DEFAULT_DEVICES, lend } from "../mounts/devices.ts";
import type { Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import { mountOptions } from "../mounts/options.ts";
import type { Step } from "../step.ts";

const PLACE = "/dev/null";

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

/** A device, and the streams that it is where no terminal takes their place. */
interface Wanted {
  path: string;
  descriptors: readonly number[];
}

function wanted({ process }: Spec, facts: Facts): Wanted[] {
  const all = [
    { path: PLACE, descriptors: facts.nullStreams },
    ...facts.deviceStreams,
  ];
  return all.map(({ path, descriptors }) => ({
    path,
    descriptors: descriptors.filter((fd) =>
      !process.terminal || !facts.terminalStreams.includes(fd)
    ),
  })).filter(({ descriptors }) => descriptors.length);
}

function reopen({ path, descriptors }: Wanted, origin: Origin): Step {
  const make = origin === "found";
  const why =
    `through an open descriptor root inside could change the mode of the host's ${path} for everybody`;
  if (path === PLACE) {
    return {
      step: "reopenNull",
      descriptors,
      make,
      why,
      man: "open(2), dup(2), null(4)",
    };
  }
  const { major = 0, minor = 0 } =
    DEFAULT_DEVICES.find((device) => device.path === path) ?? {};
  return {
    step: "reopenDevice",
    path,
    major,
    minor,
    descriptors,
    make,
    why,
    man: "open(2), dup(2), mknod(2)",
  };
}

/** Before the root changes: the host's, where there is no other. */
export function lendNull(spec: Spec, facts: Facts): Step[] {
  if (originOf(spec, facts) !== "lent") return [];
  return wanted(spec, facts).flatMap(({ path, descriptors }) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    return [
      ...lend(
        name,
        path,
        "the container has no /dev of its own, and a device node cannot be made in a user namespace: the host's own is lent",
      ),
      {
        step: "attach",
        name,
        target: path,
        why:
          "over the host's, in this mount namespace alone: what is opened there cannot be changed",
        man: "move_mount(2)",
      },
      reopen({ path, descriptors }, "lent"),
    ];
  });
}

/** Once the container has its root, with the rights of root inside. */
export function reopenNull(spec: Spec, facts: Facts): Step[] {
  const origin = originOf(spec, facts);
  return origin === "lent"
    ? []
    : wanted(spec, facts).map((each) => reopen(each, origin));
}
