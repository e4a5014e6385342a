/**
 * Makes the report: first one value, which is the JSON, then the table from
 * that value. Pure.
 */
import type { Measured, Missing } from "./measure.ts";
import {
  compare,
  difference,
  median,
  type Ratio,
  summarize,
  type Summary,
} from "./stats.ts";
import { judge, type Quantity, type Target, type Verdict } from "./targets.ts";

/** The row of one candidate. */
export interface Row {
  name: string;
  label: string;
  version: string | null;
  /** The command line. Paths of this machine are replaced. */
  command: string;
  note: string | null;
  /** Null if every round failed. */
  milliseconds: Summary | null;
  failures: number;
  /** Milliseconds of the processors; null if not measured. */
  processor: number | null;
  peakKiB: number | null;
  /** The ratios by divisor; `bare` is the bare start of the same build, and
   * `peer` the other program's candidate that does the same.
   */
  ratios: Partial<Record<Divisor, Ratio>>;
  /** Milliseconds of each round; null if the run failed. */
  samples: (number | null)[];
}

/** The times of the others are divided by those of these candidates. */
export type Divisor = "bare" | "peer" | "runc" | "crun" | "seed";

/** The whole report, as `--json` prints it. */
export interface Report {
  /** What was run. */
  subject: string;
  date: string;
  host: { kernel: string; arch: string; cpus: number; load: number[] };
  deno: string;
  compileDeno: string | null;
  rootfs: string;
  rounds: number;
  warmup: number;
  candidates: Row[];
  unavailable: { name: string; label: string; reason: string }[];
  targets: Verdict[];
  notes: string[];
}

const divisors: readonly Divisor[] = ["bare", "peer", "runc", "crun", "seed"];

/** The parts of a report that are not measurements. */
export type Setting = Omit<
  Report,
  "candidates" | "unavailable" | "targets"
>;

/** Makes the report. `neutral` removes paths of this machine from a command. */
export function makeReport(
  setting: Setting,
  measured: readonly Measured[],
  missing: readonly Missing[],
  targets: readonly Target[],
  neutral: (text: string) => string,
): Report {
  const samplesOf = (name: string | undefined) =>
    measured.find((one) => one.candidate.name === name)?.samples;
  const candidates = measured.map((one): Row => {
    const { name, label } = one.candidate;
    const times = one.samples.filter((sample) => sample !== null);
    const processor = one.processor.filter((sample) => sample !== null);
    const ratios: Row["ratios"] = {};
    for (const divisor of divisors) {
      const below = samplesOf(
        divisor === "bare" || divisor === "peer"
          ? one.candidate[divisor]
          : divisor,
      );
      const ratio = below && compare(one.samples, below);
      if (ratio) ratios[divisor] = ratio;
    }
    return {
      name,
      label,
      version: one.version,
      command: neutral(one.attempt.command(0).argv.join(" ")),
      note: one.attempt.note ?? null,
      milliseconds: times.length > 0 ? summarize(times) : null,
      failures: one.samples.length - times.length,
      processor: processor.length > 0 ? median(processor) : null,
      peakKiB: one.peakKiB,
      ratios,
      samples: one.samples,
    };
  });
  const peakOf = (name: string) =>
    measured.find((one) => one.candidate.name === name)?.peakKiB ?? null;
  const measure = (quantity: Quantity) => take(quantity, samplesOf, peakOf);
  const has = (name: string) => samplesOf(name) !== undefined;
  return {
    ...setting,
    candidates,
    unavailable: missing.map(({ candidate: { name, label }, reason }) => ({
      name,
      label,
      reason: neutral(reason),
    })),
    targets: targets.map((target) => judge(target, measure, has)),
  };
}

/**
 * The value of a quantity; null if its candidates have no common successful
 * round.
 */
function take(
  quantity: Quantity,
  samplesOf: (name: string) => readonly (number | null)[] | undefined,
  peakOf: (name: string) => number | null,
): number | null {
  switch (quantity.kind) {
    case "ratio": {
      const above = samplesOf(quantity.numerator);
      const below = samplesOf(quantity.denominator);
      return above && below ? compare(above, below)?.ratio ?? null : null;
    }
    case "difference": {
      const more = samplesOf(quantity.minuend);
      const less = samplesOf(quantity.subtrahend);
      return more && less ? difference(more, less) : null;
    }
    case "time": {
      const times = samplesOf(quantity.candidate)?.filter((time) =>
        time !== null
      );
      return times?.length ? summarize(times).median : null;
    }
    case "memory": {
      const peak = peakOf(quantity.candidate);
      return peak === null ? null : peak / 1024;
    }
  }
}

/** The report as text. */
export function formatReport(report: Report): string {
  const { host } = report;
  const load = host.load.map((value) => value.toFixed(2)).join(" ");
  const lines = [
    `${report.subject}, ${report.rounds} rounds after ${report.warmup} for warm-up, milliseconds of wall clock`,
    `${host.arch}, ${host.cpus} CPUs, Linux ${host.kernel}, load ${load}, Deno ${report.deno}` +
    (report.compileDeno ? `, compiled by ${report.compileDeno}` : ""),
    `root filesystem: ${report.rootfs}`,
    "",
    ...formatTable([header, ...report.candidates.map(cells)]),
  ];
  const notes = [...report.notes];
  for (const row of report.candidates) {
    if (row.note) notes.push(`${row.name}: ${row.note}`);
    if (row.failures > 0) {
      notes.push(
        `${row.name}: ${row.failures} of ${report.rounds} runs failed`,
      );
    }
  }
  lines.push(...section("Notes", notes));
  lines.push(...section(
    "Not measured",
    report.unavailable.map(({ name, reason }) => `${name}: ${reason}`),
  ));
  lines.push(...section("Targets", report.targets.map(formatVerdict)));
  return lines.join("\n") + "\n";
}

/** The line of one target. */
export function formatVerdict(verdict: Verdict): string {
  const { outcome, name, measured, reason } = verdict;
  const atMost = Number(verdict.atMost.toFixed(3));
  if (measured === null) {
    return `${outcome}  ${name} ≤ ${atMost} (${reason})`;
  }
  const sign = outcome === "met" ? "≤" : ">";
  // With two digits a near miss would read "2.50 > 2.5".
  const digits = Math.abs(measured - atMost) < 0.005 ? 4 : 2;
  return `${outcome.padEnd(6)} ${
    measured.toFixed(digits)
  } ${sign} ${atMost}  ${name}`;
}

const NOTHING = "–";

const header = [
  "",
  "median",
  "p10",
  "p90",
  "min",
  "sd",
  "MAD",
  "CPU",
  "× bare",
  "× peer",
  "× runc",
  "× crun",
  "× seed",
  "peak MiB",
];

function cells(row: Row): string[] {
  const ms = row.milliseconds;
  const times = ms
    ? [ms.median, ms.p10, ms.p90, ms.min, ms.standardDeviation, ms.mad]
    : new Array<undefined>(6).fill(undefined);
  const ratios = divisors.map((divisor) => row.ratios[divisor]?.ratio);
  const peak = row.peakKiB === null ? undefined : row.peakKiB / 1024;
  return [
    row.label,
    ...times.map((value) => figure(value, 2)),
    figure(row.processor ?? undefined, 1),
    ...ratios.map((value) => figure(value, 2)),
    figure(peak, 1),
  ];
}

function figure(value: number | undefined, digits: number): string {
  return value === undefined ? NOTHING : value.toFixed(digits);
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0
    ? []
    : ["", title, ...lines.map((line) => `  ${line}`)];
}

/**
 * Aligns the first column left and the others right. A column without figures is
 * left out.
 */
function formatTable(all: readonly (readonly string[])[]): string[] {
  const used = header.map((_, column) =>
    all.slice(1).some((row) => row[column] !== NOTHING)
  );
  const rows = all.map((row) => row.filter((_, column) => used[column]));
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => row[column]!.length))
  );
  return rows.map((row) =>
    row.map((cell, column) =>
      column === 0
        ? cell.padEnd(widths[column]!)
        : cell.padStart(widths[column]!)
    ).join("  ")
  );
}
