/**
 * Spec to Plan. Pure: the same Spec and Facts give the same steps, and nothing
 * is done. This file is the table of contents of a container.
 */

import type { Spec } from "../spec/types.ts";
import { endChild, protectChild, startChild } from "./child.ts";
import type { Facts } from "./facts.ts";
import { mounts } from "./mounts.ts";
import { enteredNamespaces } from "./namespaces.ts";
import { startProcess } from "./process.ts";
import { changeRoot } from "./root.ts";
import type { Plan } from "./step.ts";

/** The ordered steps that make a container of a Spec. */
export function compile(spec: Spec, facts: Facts): Plan {
  return {
    launch: startChild(spec, facts),
    container: [
      ...protectChild,
      ...enteredNamespaces(spec),
      ...changeRoot(spec, facts),
      ...mounts(spec, facts),
    ],
    process: startProcess(spec, facts),
    cleanup: endChild(spec),
  };
}
