/**
 * Standard streams that are the null device or another default device. Through
 * an open descriptor of the host's device, root inside could change the
 * device's mode for everybody. So each is replaced by the container's own
 * device, or by a node that is made for it. The host's device is never kept.
 */

import { DEFAULT_DEVICES, openHostFile } from "../mounts/devices.ts";
import type { Spec } from "../../spec/types.ts";
import type { ProcessFacts } from "../facts.ts";
import { mountOptions } from "../mounts/options.ts";
import type { Step } from "../step.ts";

const PLACE = "/dev/null";

/** The device that replaces the host's. */
type Origin =
  /** The node in the container's own /dev, which our steps have made. */
  | "own"
  /** The node that the container has at the path, or else a new one. */
  | "found"
  /** The host's device in a read-only bind mount: a user namespace can make no node. */
  | "bound";

/** Whether the container has a /dev that our steps fill. */
const hasOwnDev = ({ mounts = [] }: Spec) =>
  mounts.some(({ destination, type, options = [] }) =>
    destination === "/dev" && type !== "bind" && !mountOptions(options).bind
  );

function originOf(spec: Spec, { joins, bindDevices }: ProcessFacts): Origin {
  if (joins) return "found";
  if (hasOwnDev(spec)) return "own";
  return bindDevices ? "bound" : "found";
}

/** A device, and the streams that are this device and that no terminal replaces. */
interface Wanted {
  path: string;
  descriptors: readonly number[];
}

function wanted({ process }: Spec, facts: ProcessFacts): Wanted[] {
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
    `through an open descriptor of the host's ${path}, root inside could change its mode for the host too`;
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

/** Before the root changes: uses the host's device, if there can be no other. */
export function bindHostNull(spec: Spec, facts: ProcessFacts): Step[] {
  if (originOf(spec, facts) !== "bound") return [];
  return wanted(spec, facts).flatMap(({ path, descriptors }) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    return [
      ...openHostFile(
        name,
        path,
        "the container does not have its own /dev, and device nodes cannot be created in a user namespace, so the host's device is bind mounted",
      ),
      {
        step: "attach",
        name,
        target: path,
        why:
          "covers the host's device, only in this mount namespace: a descriptor opened here cannot change the device",
        man: "move_mount(2)",
      },
      reopen({ path, descriptors }, "bound"),
    ];
  });
}

/** After the container has its root, with the rights of root inside. */
export function reopenNull(spec: Spec, facts: ProcessFacts): Step[] {
  const origin = originOf(spec, facts);
  return origin === "bound"
    ? []
    : wanted(spec, facts).map((each) => reopen(each, origin));
}
