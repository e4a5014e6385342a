/**
 * What config.json can ask for and this program does not do yet: refused by
 * name, since a container without it is not the one that was asked for.
 */

import { SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";

const UNDONE: Record<string, (spec: Spec) => unknown> = {
  "linux.netDevices": ({ linux }) => linux.netDevices,
  "linux.intelRdt": ({ linux }) => linux.intelRdt,
  "linux.mountLabel": ({ linux }) => linux.mountLabel,
};

/** Fails where a configuration asks for any of it. */
export function refuseUndone(spec: Spec): void {
  const asked = Object.keys(UNDONE).filter((path) => UNDONE[path]!(spec));
  if (!asked.length) return;
  throw new SpecError(
    `Cannot create the container: ${asked.join(", ")}: not supported`,
    { hint: "Leave it out of config.json." },
  );
}
