/** Limits of setrlimit(2) as the steps of a plan write them. */

import type { Rlimit } from "../../spec/types.ts";
import type { Kinds, LimitValue } from "../step.ts";

/** The names of the limits. */
export { RLIMITS } from "../../spec/names.ts";

/** A limit as plain data, with all of its digits. */
export const exactly = ({ type, soft, hard }: Rlimit): Kinds["setRlimit"] => ({
  type,
  soft: valueOf(soft),
  hard: valueOf(hard),
});

const valueOf = (value: number | bigint): LimitValue =>
  typeof value === "bigint" ? String(value) : value;
