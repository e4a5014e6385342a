/**
 * Formats the steps of a plan for people, each with its reason. Pure: the
 * terminal's properties are parameters.
 */

import { wrap } from "../doctor/report.ts";
import type { HostStep } from "../plan/step.ts";
import {
  type Explained,
  type ExplainedStep,
  explainSteps,
  isPartOf,
  type Part,
} from "./explained.ts";
import { headingOf } from "./heading.ts";
import { KEEPER, keeperInWords } from "./keeper.ts";
import { allNeedsInWords, needsInWords } from "./needs_text.ts";
import { COLOUR, type Drawing, LEAST_WIDTH, painter } from "./paint.ts";
import { describe } from "./steps/describe.ts";
import { describeUndo } from "./steps/describe_host.ts";

/** Columns of a step's number and the space after it. */
const NUMBER = 6;
const LABEL = 7;

const undoOf = ({ phase, step }: ExplainedStep) =>
  phase === "host" ? describeUndo(step as HostStep) : null;

/** Lines of the parts of a plan, wrapped and coloured. */
export function drawer({ colour, width }: Drawing) {
  const paint = painter(colour);
  const room = (indent: number) => Math.max(LEAST_WIDTH, width) - indent;
  const labelled = (label: string, text: string, indent = NUMBER) => {
    if (!text) return [];
    const [first = "", ...rest] = wrap(text, room(indent + LABEL));
    return [
      " ".repeat(indent) + paint(COLOUR.faint, `${label}:`.padEnd(LABEL)) +
      first,
      ...rest.map((line) => " ".repeat(indent + LABEL) + line),
    ];
  };
  const titled = (mark: string, title: string) => {
    const [first = "", ...rest] = wrap(title, room(NUMBER));
    return [
      `${mark.padStart(NUMBER - 1)} ${paint(COLOUR.bold, first)}`,
      ...rest.map((line) => " ".repeat(NUMBER) + paint(COLOUR.bold, line)),
    ];
  };
  const title = ({ number, step }: ExplainedStep, remark = "") =>
    titled(`${number}.`, describe(step, { names: true }) + remark);
  return {
    paint,
    labelled,
    titled,
    title,
    /** A step with its details. */
    step(one: ExplainedStep): string[] {
      const { step, needs } = one;
      return [
        ...title(one),
        ...labelled("why", step.why),
        ...labelled("needs", needsInWords(needs)),
        ...labelled("undo", undoOf(one) ?? ""),
        ...labelled("see", step.man),
      ];
    },
  };
}

/**
 * The steps of a plan, or a part of them, as text. A step that repeats an
 * earlier one only refers to it.
 */
export function asText(
  explained: Explained,
  drawing: Drawing,
  part?: Part,
): string {
  const { command, plan, args, leftOut, keeper } = explained;
  const { paint, labelled, titled, title, step } = drawer(drawing);
  const all = explainSteps(explained);
  const steps = all.filter((one) => isPartOf(one, part));
  const lines = part ? [] : [
    paint(
      COLOUR.bold,
      `container ${command} ${args.join(" ")}: ${steps.length} steps`,
    ),
    ...labelled("needs", allNeedsInWords(all), 0),
    ...leftOut.flatMap((line) => labelled("note", line, 0)),
  ];
  let keeps = keeper && (!part || part.ideas.includes("keeper"))
    ? keeperInWords(keeper)
    : [];
  let seen = new Map<string, number>();
  steps.forEach((one, index) => {
    const { number, phase, needs } = one;
    if (phase !== "host" && keeps.length) {
      lines.push("", paint(COLOUR.heading, KEEPER));
      lines.push(...keeps.flatMap((line) => titled("-", line)));
      keeps = [];
    }
    if (phase !== steps[index - 1]?.phase) {
      lines.push("", paint(COLOUR.heading, headingOf(plan, phase, number)));
      seen = new Map();
    }
    const { step: kind, why, man } = one.step;
    const key = JSON.stringify([kind, why, man, needs, undoOf(one)]);
    const before = seen.get(key);
    if (before === undefined) seen.set(key, number);
    lines.push(
      ...before === undefined ? step(one) : title(one, ` (same as ${before})`),
    );
  });
  return lines.join("\n").replace(/^\n/, "");
}
