/** The type of a row in the table of needs. Only types. */

import type { CAPABILITIES } from "../../plan/process/capabilities.ts";
import type { StepKind, StepOf } from "../../plan/step.ts";
import type { Since } from "./since.ts";

export type Capability = typeof CAPABILITIES[number];

/** A capability and its user namespace; `here` is that of the process. */
export interface Asked {
  name: Capability;
  in: "here" | "initial" | "host";
  when?: string;
}

/** The needs of one kind of step. */
export interface Entry<K extends StepKind> {
  capabilities?: readonly Asked[] | ((step: StepOf<K>) => readonly Asked[]);
  access?: string | ((step: StepOf<K>) => string | undefined);
  /** Features that are newer than the calls that use them. */
  features?: (step: StepOf<K>) => readonly Since[];
}
