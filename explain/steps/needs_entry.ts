/** A row of the table of needs. Pure. */

import type { CAPABILITIES } from "../../plan/process/capabilities.ts";
import type { StepKind, StepOf } from "../../plan/step.ts";
import type { Since } from "./since.ts";

export type Capability = typeof CAPABILITIES[number];

/** A capability, and whose; `here` is the user namespace of the process. */
export interface Asked {
  name: Capability;
  in: "here" | "initial" | "host";
  when?: string;
}

/** What a kind of step asks for. */
export interface Entry<K extends StepKind> {
  capabilities?: readonly Asked[] | ((step: StepOf<K>) => readonly Asked[]);
  access?: string | ((step: StepOf<K>) => string | undefined);
  /** What is younger than the calls that use it. */
  features?: (step: StepOf<K>) => readonly Since[];
}
