/**
 * Formats a plan as an outline: its ideas, each with one sentence and its
 * number of steps. Pure.
 */

import { wrap } from "../doctor/report.ts";
import { type Explained, explainSteps } from "./explained.ts";
import { type Idea, IDEAS } from "./ideas.ts";
import { COLOUR, type Drawing, LEAST_WIDTH } from "./paint.ts";
import { sentenceFor } from "./sentences.ts";
import { drawer } from "./text.ts";

/** The ideas that are named even if a plan has no step for them. */
const ALWAYS: readonly Idea[] = ["filter", "cgroup"];
const STEPS = 5;
const COLUMN = Math.max(...IDEAS.map((idea) => idea.length)) + 2;
const INDENT = COLUMN + STEPS + 2;

/** The ideas of a plan, one line or two for each. */
export function asOutline(explained: Explained, drawing: Drawing): string {
  const { command, plan, args, leftOut, keeper } = explained;
  const { paint, labelled } = drawer(drawing);
  const steps = explainSteps(explained);
  const all = steps.map(({ step }) => step);
  const room = Math.max(LEAST_WIDTH, drawing.width - INDENT);
  const makesContainer = all.some(({ step }) => step === "clone") &&
    !all.some(({ step }) => step === "joinProcess");
  const lines = IDEAS.flatMap((idea) => {
    const own = steps.filter((step) => step.idea === idea)
      .map(({ step }) => step);
    if (!own.length && !(makesContainer && ALWAYS.includes(idea))) return [];
    const sentence = sentenceFor(idea, { own, all, init: plan.init, keeper });
    const [first = "", ...rest] = wrap(sentence, room);
    const count = String(own.length).padStart(STEPS);
    return [
      `${paint(COLOUR.heading, idea.padEnd(COLUMN))}${
        paint(COLOUR.faint, count)
      }  ${first}`,
      ...rest.map((line) => " ".repeat(INDENT) + line),
    ];
  });
  return [
    paint(
      COLOUR.bold,
      `container ${command} ${args.join(" ")}: ${steps.length} steps`,
    ),
    ...leftOut.flatMap((line) => labelled("note", line, 0)),
    "",
    paint(COLOUR.faint, `${"idea".padEnd(COLUMN)}steps  what it does`),
    ...lines,
    "",
    paint(
      COLOUR.faint,
      "--all prints every step and why; --about mounts and --step 12 print a part.",
    ),
  ].join("\n");
}
