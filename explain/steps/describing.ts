/** Shared by the descriptions of steps. Pure. */

import type { StepKind, StepOf } from "../../plan/step.ts";

/** ` as NAME`, if names are requested. */
export type Names = (name: string) => string;

/** A description for each of some kinds. */
export type Descriptions<Kind extends StepKind> = {
  readonly [K in Kind]: (step: StepOf<K>, as: Names) => string;
};

/** Joins words: `a, b and c`. */
export const and = (words: readonly string[]): string =>
  words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
