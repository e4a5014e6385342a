/**
 * What `deno task test` prints about its parts: before they run, and about
 * those that have run. Pure.
 *
 * @module
 */
import { describe, sum, type Tally } from "./junit.ts";
import type { Outcome, Part } from "./parts.ts";

/** How many of the slowest files to list. */
const SLOWEST = 10;

/** A budget is the time that a part took, and a third. */
const SHARE = 3 / 4;

/** The parts of a part that the report needs. */
export type Described = Pick<Part, "name" | "title" | "budget" | "together">;

/** The result of a part. */
export interface Done extends Outcome {
  part: Described;
  seconds: number;
}

/** Puts those that run at the same time together. */
export function groups<P extends Described>(parts: readonly P[]): P[][] {
  const all: P[][] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (part.together && last?.[0]?.together === part.together) last.push(part);
    else all.push([part]);
  }
  return all;
}

const inSeconds = (seconds: number) => `${seconds.toFixed(0)} s`;

const SHORT = 90;

const about = (seconds: number) =>
  seconds < SHORT ? inSeconds(seconds) : `${(seconds / 60).toFixed(0)} min`;

const expected = ({ budget }: Described) => budget * SHARE;

/** Parts that share lanes take as long as one after the other. */
function expectedOf(group: readonly Described[]): number {
  const all = group.map(expected);
  return group[0]?.together === "lanes"
    ? all.reduce((sum, seconds) => sum + seconds, 0)
    : Math.max(...all);
}

const TOGETHER = {
  lanes: " (sharing lanes)",
  machines: " (at the same time)",
} as const;

/** What will run, and about how long it takes. */
export function announcement(parts: readonly Described[]): string {
  const total = groups(parts).reduce(
    (seconds, group) => seconds + expectedOf(group),
    0,
  );
  const width = Math.max(0, ...parts.map(({ name }) => name.length));
  const rows = parts.map((part) =>
    `  ${part.name.padEnd(width)} ${
      about(expected(part)).padStart(7)
    }  ${part.title}${part.together ? TOGETHER[part.together] : ""}\n`
  );
  const count = parts.length === 1 ? "1 part" : `${parts.length} parts`;
  return `${count}, about ${about(total)} on two processors:\n${rows.join("")}`;
}

/** One line about a part: the result, its time, and its time budget. */
export function finished({ part, tally, seconds, note }: Done): string {
  const over = seconds > part.budget ? ", over its budget" : "";
  return `${part.name}: ${describe(tally)} in ${inSeconds(seconds)} of ${
    inSeconds(part.budget)
  }${over}${note ? ` (${note})` : ""}\n`;
}

/** The slowest files. */
function slowest(done: readonly Done[]): string {
  const files = done.flatMap(({ part, files = [] }) =>
    files.map((file) => ({ ...file, part: part.name }))
  ).toSorted((one, other) => other.seconds - one.seconds).slice(0, SLOWEST);
  if (!files.length) return "";
  return `\nslowest:\n${
    files.map(({ name, part, seconds }) =>
      `${inSeconds(seconds).padStart(6)}  ${name} (${part})\n`
    ).join("")
  }`;
}

/** The last line, which programs read for the number of tests. */
function closing(total: Tally): string {
  const skipped = total.skipped ? `\n${total.skipped} skipped\n` : "";
  return `${skipped}\n${describe({ ...total, skipped: 0 })}\n`;
}

/** The end of the report. */
export const summary = (done: readonly Done[]): string =>
  `\n== summary\n${done.map(finished).join("")}${slowest(done)}${
    closing(sum(done.map(({ tally }) => tally)))
  }`;
