/** The flags of `explain`, and what they select. */

import type { Explained, Part } from "../explain/explained.ts";
import { type Idea, IDEAS } from "../explain/ideas.ts";
import { UsageError } from "../spec/errors.ts";
import { closestString } from "../containers/run/closest.ts";
import type { Flag, Flags } from "./flags.ts";

/**
 * The flags of `explain` itself, accepted before and after the explained
 * command.
 */
export const EXPLAIN_FLAGS: readonly Flag[] = [
  { name: "all", help: "Print every step, with its reason" },
  {
    name: "about",
    value: "IDEA",
    help: `Print the steps of an idea: ${IDEAS.slice(0, 3).join(", ")}, …`,
  },
  {
    name: "step",
    value: "N[-M]",
    help: "Print one step, or those from N to M",
  },
  {
    name: "diff",
    help: "Print what the second of two commands changes: A -- B",
  },
  { name: "strace", help: "Print the system calls in the format of strace -f" },
  {
    name: "json",
    help: "Print the plan as JSON; with --strace, including the calls",
  },
  {
    name: "format",
    value: "FORMAT",
    help: "text, or json (the same as --json)",
  },
];

/** What to explain, and the flags of the command. */
export interface Asked extends Explained {
  flags: Flags;
}

/** What to print. */
export interface Output {
  format: "outline" | "steps" | "strace" | "json";
  /** Whether JSON includes the system calls. */
  calls: boolean;
  /** The steps to print; absent: every one. */
  part?: Part;
}

/**
 * The output that the flags ask for.
 *
 * @throws {UsageError} for flags that contradict each other, or a wrong value
 */
export function outputOf(given: readonly Flags[]): Output {
  const has = (name: string) => given.some((flags) => flags.has(name));
  const all = (name: string) => given.flatMap((flags) => flags.all(name));
  const ideas = all("about").flatMap((text) => text.split(",")).map(parseIdea);
  const ranges = all("step").flatMap((text) => text.split(",")).map(parseRange);
  const part = ideas.length || ranges.length ? { ideas, ranges } : undefined;
  const format = all("format").at(-1) ?? "text";
  if (format !== "text" && format !== "json") {
    throw new UsageError(
      `--format ${format}: unknown format`,
      "The formats are text and json.",
    );
  }
  if (!has("json") && format !== "json") {
    return {
      format: has("strace")
        ? "strace"
        : part || has("all")
        ? "steps"
        : "outline",
      calls: has("strace"),
      part,
    };
  }
  if (part) {
    throw new UsageError(
      `JSON is always the whole plan, so --${
        ideas.length ? "about" : "step"
      } selects nothing`,
      `Remove ${has("json") ? "--json" : "--format json"}.`,
    );
  }
  return { format: "json", calls: has("strace") };
}

function parseIdea(text: string): Idea {
  const found = IDEAS.find((idea) => idea === text);
  if (found) return found;
  const near = closestString(text, IDEAS);
  throw new UsageError(
    `--about ${text || '""'}: unknown idea`,
    near ? `Did you mean ${near}?` : `The ideas are ${IDEAS.join(", ")}.`,
  );
}

function parseRange(text: string): [number, number] {
  const [, first, last = first] =
    text.match(/^(\d{1,6})(?:(?:-|\.\.)(\d{1,6}))?$/) ??
      [];
  const range: [number, number] = [Number(first), Number(last)];
  if (first && range[0] >= 1 && range[1] >= range[0]) return range;
  throw new UsageError(
    `--step ${text || '""'}: expected the number of a step, or two as in 12-20`,
  );
}

/**
 * Refuses a part that contains no step.
 *
 * @throws {UsageError}
 */
export function checkPart(
  { ideas, ranges }: Part,
  numbers: ReadonlyMap<Idea, number>,
  count: number,
  keeps: boolean,
): void {
  const missing = ranges.find(([first]) => first > count);
  if (missing) {
    throw new UsageError(
      `--step ${missing[0]}: this plan has ${count} steps`,
      "See them with --all.",
    );
  }
  const empty = ideas.find((idea) =>
    !numbers.get(idea) && !(idea === "keeper" && keeps)
  );
  if (empty) {
    throw new UsageError(
      `--about ${empty}: this plan has no such step`,
      `It is about ${[...numbers.keys()].join(", ")}.`,
    );
  }
}
