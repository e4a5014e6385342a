/**
 * The project's performance targets, as data, and the check of a run against
 * them. Pure. The bench only prints the result and never fails because of it: a
 * busy machine is not a regression.
 */

/** An upper limit for a quantity of a run. */
export type Target = { name: string; atMost: number } & Quantity;

/** A quantity computed from candidates, by their names in `--list`. */
export type Quantity =
  /** How many times as long as another candidate. */
  | { kind: "ratio"; numerator: string; denominator: string }
  /** How many milliseconds longer than another candidate. */
  | { kind: "difference"; minuend: string; subtrahend: string }
  /** How many milliseconds. */
  | { kind: "time"; candidate: string }
  /** How many MiB of memory its largest process has at most. */
  | { kind: "memory"; candidate: string };

/** The candidates that a target needs. */
export function candidatesOf(target: Target): string[] {
  switch (target.kind) {
    case "ratio":
      return [target.numerator, target.denominator];
    case "difference":
      return [target.minuend, target.subtrahend];
    case "time":
    case "memory":
      return [target.candidate];
  }
}

/** The result of a target in one run. */
export type Verdict = Target & {
  outcome: "met" | "missed" | "not measured";
  /** Null if it could not be measured. */
  measured: number | null;
  /** Why it could not be measured. */
  reason?: string;
};

/** All targets of the project. */
export const targets: readonly Target[] = [
  ...ratios(),
  {
    kind: "difference",
    name: "compiled, the program's own module, in milliseconds",
    minuend: "compiled-version",
    subtrahend: "bare-compiled",
    atMost: 5,
  },
  {
    kind: "difference",
    name: "compiled, --no-init, what a cgroup adds, in milliseconds",
    minuend: "compiled-cgroup",
    subtrahend: "compiled-no-init-flag",
    atMost: 10,
  },
  ...["memory", "domainname"].map((flag) => ({
    kind: "difference" as const,
    name: `compiled, default mode, what --${flag} adds, in milliseconds`,
    minuend: `typed-${flag}`,
    subtrahend: "compiled-flag",
    atMost: 10,
  })),
  {
    kind: "time",
    name: "library, one of many, in milliseconds",
    candidate: "library",
    atMost: 4,
  },
  {
    kind: "time",
    name: "library, the seed's steps, in milliseconds",
    candidate: "library-seed",
    atMost: 2,
  },
];

/** Limits for the time of one candidate relative to another. */
function ratios(): Target[] {
  const rows: [string, string, string, number][] = [
    [
      "compiled, default mode, compared with a bare compiled start",
      "compiled",
      "bare-compiled",
      1.35,
    ],
    ...["compiled-flag", "typed-rm-name", "typed-terminal"]
      .map((candidate): [string, string, string, number] => [
        `${candidate}, compared with a bare compiled start`,
        candidate,
        "bare-compiled",
        1.35,
      ]),
    ...["compiled", "typed-loud", "typed-env", "typed-volume", "typed-workdir"]
      .concat("typed-read-only", "typed-carried", "typed-neighbour")
      .concat("compiled-again", "typed-hostname")
      .map((candidate): [string, string, string, number] => [
        `${candidate}, compared with bubblewrap`,
        candidate,
        "bwrap",
        1.2,
      ]),
    [
      "from source, default mode, compared with a bare deno run",
      "source",
      "bare-source",
      2.5,
    ],
    [
      "compiled, --no-init, compared with a bare compiled start",
      "compiled-no-init",
      "bare-compiled",
      1.25,
    ],
    [
      "compiled, --no-init, a flag, compared with a bare compiled start",
      "compiled-no-init-flag",
      "bare-compiled",
      1.25,
    ],
    [
      "compiled, --no-init, a flag, again, compared with a bare compiled start",
      "compiled-no-init-again",
      "bare-compiled",
      1.25,
    ],
    [
      "from source, --no-init, compared with a bare deno run",
      "source-no-init",
      "bare-source",
      1.3,
    ],
    [
      "compiled, --no-init, compared with runc",
      "compiled-no-init",
      "runc",
      0.7,
    ],
    ["compiled, default mode, compared with runc", "compiled", "runc", 1.4],
    ["create, start and delete, compared with runc's", "oci", "oci-runc", 1.3],
    [
      "create, start and delete of a small bundle, compared with runc's",
      "oci-small",
      "oci-small-runc",
      1.3,
    ],
    [
      "state, compared with a bare compiled start",
      "oci-state",
      "bare-compiled",
      1.2,
    ],
    [
      "kill, compared with a bare compiled start",
      "oci-kill",
      "bare-compiled",
      1.2,
    ],
    [
      "docker run, compared with docker run with runc",
      "docker",
      "docker-runc",
      1.15,
    ],
    ["library, one of many, compared with crun", "library", "crun", 1 / 3],
    [
      "library, one of many, compared with bubblewrap",
      "library",
      "bwrap",
      1 / 2,
    ],
    ["sandbox, compared with the library's run", "sandbox", "library", 1.2],
    [
      "a command in a sandbox, compared with the library's run",
      "sandbox-join",
      "library",
      0.6,
    ],
    [
      "library, the seed's steps, compared with the seed",
      "library-seed",
      "seed",
      1 / 3,
    ],
  ];
  return rows.map(([name, numerator, denominator, atMost]) => ({
    kind: "ratio",
    name,
    numerator,
    denominator,
    atMost,
  }));
}

/**
 * Checks one target. `measure` returns the value of a quantity or null; `has`
 * says whether a candidate was measured.
 */
export function judge(
  target: Target,
  measure: (quantity: Quantity) => number | null,
  has: (candidate: string) => boolean,
): Verdict {
  const measured = measure(target);
  if (measured === null) {
    const missing = candidatesOf(target).filter((name) => !has(name));
    const reason = missing.length > 0
      ? `no figures for ${missing.join(" and ")}`
      : "no round in which all succeeded";
    return { ...target, outcome: "not measured", measured, reason };
  }
  const outcome = measured <= target.atMost ? "met" : "missed";
  return { ...target, outcome, measured };
}
