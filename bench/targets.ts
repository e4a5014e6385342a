/**
 * The project's performance targets, as data, and how a run is held against
 * them. Pure: the bench prints what this decides and fails over none of it,
 * since a busy machine is not a regression.
 */

/** One promise: `numerator` takes at most `atMost` times as long as `denominator`. */
export interface Target {
  name: string;
  /** Names of candidates, as `--list` prints them. */
  numerator: string;
  denominator: string;
  atMost: number;
}

/** What became of a target in one run. */
export interface Verdict extends Target {
  outcome: "met" | "missed" | "not measured";
  /** The ratio of the medians, or null where it could not be taken. */
  measured: number | null;
  /** Why it could not be taken. */
  reason?: string;
}

/** Every target of the project. */
export const targets: readonly Target[] = [
  {
    name: "compiled, default mode, beside a bare compiled start",
    numerator: "compiled",
    denominator: "bare-compiled",
    atMost: 2.5,
  },
  {
    name: "from source, default mode, beside a bare deno run",
    numerator: "source",
    denominator: "bare-source",
    atMost: 2.5,
  },
  {
    name: "compiled, --no-init, beside a bare compiled start",
    numerator: "compiled-no-init",
    denominator: "bare-compiled",
    atMost: 1.3,
  },
  {
    name: "from source, --no-init, beside a bare deno run",
    numerator: "source-no-init",
    denominator: "bare-source",
    atMost: 1.3,
  },
  {
    name: "compiled, --no-init, beside runc",
    numerator: "compiled-no-init",
    denominator: "runc",
    atMost: 0.7,
  },
  {
    name: "compiled, default mode, beside runc",
    numerator: "compiled",
    denominator: "runc",
    atMost: 1.4,
  },
];

/**
 * Holds one target against a run. `ratioOf` gives the ratio of two candidates
 * or null; `has` says whether a candidate has figures at all.
 */
export function judge(
  target: Target,
  ratioOf: (numerator: string, denominator: string) => number | null,
  has: (candidate: string) => boolean,
): Verdict {
  const measured = ratioOf(target.numerator, target.denominator);
  if (measured === null) {
    const missing = [target.numerator, target.denominator]
      .filter((name) => !has(name));
    const reason = missing.length > 0
      ? `no figures for ${missing.join(" and ")}`
      : "no round in which both succeeded";
    return { ...target, outcome: "not measured", measured, reason };
  }
  const outcome = measured <= target.atMost ? "met" : "missed";
  return { ...target, outcome, measured };
}
