/**
 * The needs of steps that only a config.json or a sandbox can request: a part
 * of the table in explain/steps/needs.ts. Pure data.
 */

import type { Entry } from "./needs_entry.ts";
import type { StepKind } from "../../plan/step.ts";

type Oci =
  & StepKind
  & (
    | "keepWalker"
    | "executeWalker"
    | "keepHold"
    | "reportReady"
    | "waitForStart"
    | "waitForHooks"
    | "idle"
    | "serveFiles"
    | "keepRoot"
    | "enterKeptRoot"
    | "visitRoot"
    | "returnToRoot"
    | "setIoPriority"
    | "setScheduler"
    | "setMemoryPolicy"
  );

/** The needs by kind of step. */
export const OCI_NEEDS: { readonly [K in Oci]: Entry<K> } = {
  keepWalker: {},
  executeWalker: {},
  keepHold: {},
  reportReady: {},
  waitForStart: {},
  waitForHooks: {},
  idle: {},
  serveFiles: {},
  keepRoot: {},
  enterKeptRoot: { access: "permission to enter the directory" },
  visitRoot: { capabilities: [{ name: "CAP_SYS_CHROOT", in: "here" }] },
  returnToRoot: { capabilities: [{ name: "CAP_SYS_CHROOT", in: "here" }] },
  setIoPriority: {
    capabilities: ({ class: kind }) =>
      kind === "IOPRIO_CLASS_RT"
        ? [{ name: "CAP_SYS_NICE", in: "initial" }]
        : [],
  },
  setScheduler: {
    capabilities: ({ policy, nice = 0 }) =>
      /^SCHED_(FIFO|RR|DEADLINE)$/.test(policy) || nice < 0
        ? [{ name: "CAP_SYS_NICE", in: "initial" }]
        : [],
  },
  setMemoryPolicy: {
    features: ({ mode }) =>
      mode === "MPOL_WEIGHTED_INTERLEAVE"
        ? [{ version: "6.9", what: mode }]
        : mode === "MPOL_PREFERRED_MANY"
        ? [{ version: "5.15", what: mode }]
        : [],
  },
};
