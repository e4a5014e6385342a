/** Compares two plans: the steps that only one of them has. Pure. */

import {
  type Explained,
  type ExplainedStep,
  explainSteps,
} from "./explained.ts";
import { wrap } from "../doctor/report.ts";
import { inJson } from "./json.ts";
import { keeperInWords } from "./keeper.ts";
import { COLOUR, type Drawing, LEAST_WIDTH } from "./paint.ts";
import { describe } from "./steps/describe.ts";
import { drawer } from "./text.ts";
import type { Step } from "../plan/step.ts";

/** Columns of the sign and the space after it. */
const SIGN = 2;

/** A step of one of the two plans. */
interface Change {
  sign: "-" | "+";
  step: ExplainedStep;
}

/** What differs between two plans. */
export interface Difference {
  before: Explained;
  after: Explained;
  changes: readonly Change[];
  /** Sentences that only one of the two has: what is left out, the keeper. */
  notes: readonly { sign: "-" | "+"; text: string }[];
}

/**
 * The text by which steps are compared. The numbers of mounts, devices and
 * descriptors count what comes before them, so they are left out: a further
 * mount does not change the later ones.
 */
function identity({ phase, step }: ExplainedStep): string {
  const numbers = ["above", "descriptor", "from", "to", "count"];
  return JSON.stringify([phase, step], (key, value) => {
    if (typeof value === "number" && numbers.includes(key)) return undefined;
    return typeof value === "string"
      ? value.replace(/^(mount|device|closed)[\d_]+$/, "$1")
        .replace(/^\/dev\/\d+-/, "/dev/-")
      : value;
  });
}

/**
 * The differences of two sequences in order: what a longest common subsequence
 * leaves over.
 */
function compare(
  before: readonly ExplainedStep[],
  after: readonly ExplainedStep[],
): Change[] {
  const [left, right] = [before.map(identity), after.map(identity)];
  const width = right.length + 1;
  // At each pair of places: the length of the longest common rest.
  const common = new Uint32Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      common[i * width + j] = left[i] === right[j]
        ? common[(i + 1) * width + j + 1]! + 1
        : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  const changes: Change[] = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      i++;
      j++;
    } else if (
      j >= right.length ||
      i < left.length &&
        common[(i + 1) * width + j]! >= common[i * width + j + 1]!
    ) {
      changes.push({ sign: "-", step: before[i++]! });
    } else changes.push({ sign: "+", step: after[j++]! });
  }
  return changes;
}

const sentencesOf = ({ leftOut, keeper }: Explained) => [
  ...leftOut.map((line) => `note: ${line}`),
  ...(keeper ? keeperInWords(keeper) : []).map((line) => `keeper: ${line}`),
];

/** What the second plan changes, compared with the first. */
export function differenceOf(before: Explained, after: Explained): Difference {
  const [left, right] = [sentencesOf(before), sentencesOf(after)];
  return {
    before,
    after,
    changes: compare(explainSteps(before), explainSteps(after)),
    notes: [
      ...left.filter((text) => !right.includes(text))
        .map((text) => ({ sign: "-" as const, text })),
      ...right.filter((text) => !left.includes(text))
        .map((text) => ({ sign: "+" as const, text })),
    ],
  };
}

/** The longest value that is shown. */
const LONGEST = 60;

const shown = (value: unknown): string => {
  const text = Array.isArray(value)
    ? value.map((item) =>
      typeof item === "string" ? item : JSON.stringify(item)
    )
      .join(" ")
    : typeof value === "string"
    ? value
    : JSON.stringify(value) ?? "";
  if (text === "") return "nothing";
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
};

/**
 * The fields in which two steps with the same description differ: of a list
 * only the items that one of them has.
 */
function fieldsOf(before: Step, after: Step): string[] {
  const [left, right]: Record<string, unknown>[] = [{ ...before }, {
    ...after,
  }];
  return Object.keys({ ...left, ...right }).flatMap((name) => {
    const [a, b] = [left![name], right![name]];
    if (name === "why" || JSON.stringify(a) === JSON.stringify(b)) return [];
    const only = Array.isArray(a) && Array.isArray(b);
    return [
      `${name} ${shown(only ? a.filter((item) => !b.includes(item)) : a)} → ${
        shown(only ? b.filter((item) => !a.includes(item)) : b)
      }`,
    ];
  });
}

/** The differences for people: one line for each step, with why it is added. */
export function differenceAsText(
  { changes, notes }: Difference,
  drawing: Drawing,
): string {
  if (!changes.length && !notes.length) return "The two plans are the same.";
  const { width, colour } = drawing;
  const { paint, labelled, title, step } = drawer({
    colour,
    width: width - SIGN,
  });
  const signed = (sign: "-" | "+", [first = "", ...rest]: string[]) => [
    `${paint(sign === "-" ? COLOUR.red : COLOUR.green, sign)} ${first}`,
    ...rest.map((line) => " ".repeat(SIGN) + line),
  ];
  return [
    ...notes.flatMap(({ sign, text }) =>
      signed(sign, wrap(text, Math.max(LEAST_WIDTH, width) - SIGN))
    ),
    ...changes.flatMap(({ sign, step: one }) => {
      if (sign === "-") return signed(sign, title(one));
      const other = changes.find((change) =>
        change.sign === "-" && change.step.phase === one.phase &&
        describe(change.step.step) === describe(one.step)
      );
      const [first = "", ...rest] = step(one);
      const fields = other ? fieldsOf(other.step.step, one.step) : [];
      return signed(sign, [
        first,
        ...fields.flatMap((field) => labelled("with", field)),
        ...rest,
      ]);
    }),
  ].join("\n");
}

/** The differences for programs. */
export function differenceAsJson(
  { before, after, changes, notes }: Difference,
): string {
  const side = (sign: "-" | "+", { command, args }: Explained) => ({
    command: [command, ...args],
    only: changes.filter((change) => change.sign === sign)
      .map(({ step }) => inJson(step)),
    notes: notes.filter((note) => note.sign === sign).map(({ text }) => text),
  });
  return JSON.stringify(
    { before: side("-", before), after: side("+", after) },
    null,
    2,
  );
}
