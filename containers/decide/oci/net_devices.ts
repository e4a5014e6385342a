/**
 * Plans linux.netDevices of a container. Pure.
 */

import type { HostStep } from "../../../plan/step.ts";
import type { Spec } from "../../../spec/types.ts";

/** The steps that move the interfaces that a configuration names. */
export const planDevices = (
  { linux: { netDevices = {} } }: Spec,
): HostStep[] =>
  Object.entries(netDevices).map(([name, { name: as = name }]) => ({
    step: "moveDevice",
    name,
    as,
    why: "the configuration gives the container this interface of the host",
    man: "rtnetlink(7)",
    // A namespace that ends gives hardware back, and removes other devices.
    undo: "kernel",
    ifFailed: [{ undo: "returnDevice", name, as }],
  }));
