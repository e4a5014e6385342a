/**
 * Formats a plan for people. Pure: the terminal's properties are parameters.
 */

import { wrap } from "../doctor/report.ts";
import { describe } from "./steps/describe.ts";
import { describeUndo } from "./steps/describe_host.ts";
import type { CapabilityNeed, Needs, Owner } from "./steps/needs.ts";
import { youngest } from "./steps/since.ts";
import { type HostStep, type Phase, PHASES, type Plan } from "../plan/step.ts";
import { type ExplainedStep, explainSteps } from "./explained.ts";

/** How to format. */
export interface Drawing {
  colour: boolean;
  /** The column to wrap at. */
  width: number;
}

/** The plan to explain. */
export interface Explained {
  /** The command of `container` that has this plan, for example `run`. */
  command: string;
  plan: Plan;
  /** The command inside and its arguments. */
  args: readonly string[];
  /** What the container cannot have, one sentence each. */
  leftOut: readonly string[];
}

const WHERE: Record<Phase, string> = {
  host: "the parent, on the host",
  launch: "the walker, on the way from the host to the new namespaces",
  container: "the child: this program again, as PID 1 of the container",
  process: "a second walker, in the process that becomes the command",
  cleanup: "the child, after the command has ended",
};

/**
 * The process that carries out a phase. Without `init` the walker does the work
 * of the child.
 */
export function where(plan: Plan, phase: Phase): string {
  if (plan.init) return WHERE[phase];
  if (phase === "container") return "the same walker, in the new namespaces";
  return phase === "process"
    ? "the same walker, which becomes the command"
    : WHERE[phase];
}

const OWNER: Record<Owner, string> = {
  host: "the host's user namespace",
  container: "the container's user namespace",
  initial: "the initial user namespace",
};

const BOLD = 1;
const FAINT = 2;
const HEADING = 36;
/** Columns of a step's number and the space after it. */
const NUMBER = 6;
const LABEL = 7;
const LEAST_WIDTH = 40;

/** The plan as text. A step that repeats an earlier one only refers to it. */
export function asText(
  { command, plan, args, leftOut }: Explained,
  { colour, width }: Drawing,
): string {
  const paint = (code: number, text: string) =>
    colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  const steps = explainSteps(plan);
  const room = (indent: number) => Math.max(LEAST_WIDTH, width) - indent;
  const labelled = (label: string, text: string, indent = NUMBER) => {
    const [first = "", ...rest] = wrap(text, room(indent + LABEL));
    return [
      " ".repeat(indent) + paint(FAINT, `${label}:`.padEnd(LABEL)) + first,
      ...rest.map((line) => " ".repeat(indent + LABEL) + line),
    ];
  };
  const lines = [
    paint(
      BOLD,
      `container ${command} ${args.join(" ")}: ${steps.length} steps`,
    ),
    ...labelled("needs", needsInWords(together(steps)), 0),
    ...leftOut.flatMap((line) => labelled("note", line, 0)),
  ];
  for (const phase of PHASES) {
    const own = steps.filter((step) => step.phase === phase);
    if (!own.length) continue;
    lines.push("", paint(HEADING, `${phase}, by ${where(plan, phase)}`));
    const seen = new Map<string, number>();
    for (const { number, step, needs } of own) {
      const undo = phase === "host" ? describeUndo(step as HostStep) : null;
      const key = JSON.stringify([step.step, step.why, step.man, needs, undo]);
      const before = seen.get(key);
      const [first = "", ...rest] = wrap(
        `${describe(step, { names: true })}${
          before ? ` (same as ${before})` : ""
        }`,
        room(NUMBER),
      );
      lines.push(
        `${`${number}.`.padStart(NUMBER - 1)} ${paint(BOLD, first)}`,
        ...rest.map((line) => " ".repeat(NUMBER) + paint(BOLD, line)),
      );
      if (before) continue;
      seen.set(key, number);
      lines.push(
        ...labelled("why", step.why),
        ...labelled("needs", needsInWords(needs)),
        ...(undo === null ? [] : labelled("undo", undo)),
        ...labelled("see", step.man),
      );
    }
  }
  return lines.join("\n");
}

/** What all steps together need in every case. */
export function together(steps: readonly ExplainedStep[]): Needs {
  const found = new Map<string, CapabilityNeed>();
  for (const need of steps.flatMap(({ needs }) => needs.capabilities)) {
    if (!need.when) found.set(`${need.userNamespace} ${need.name}`, need);
  }
  return {
    capabilities: [...found.values()],
    kernel: youngest(steps.flatMap(({ needs }) => needs.kernel ?? [])),
  };
}

/** The needs in words. */
export function needsInWords(
  { capabilities, access, kernel }: Needs,
): string {
  const always = capabilities.filter(({ when }) => !when);
  const rights = [
    ...(["host", "container", "initial"] as const).flatMap((owner) => {
      const names = always.filter(({ userNamespace }) =>
        userNamespace === owner
      ).map(({ name }) => name);
      return names.length ? [`${names.join(", ")} in ${OWNER[owner]}`] : [];
    }),
    ...capabilities.flatMap(({ name, userNamespace, when }) =>
      when ? [`${name} in ${OWNER[userNamespace]} ${when}`] : []
    ),
  ];
  return [
    ...(rights.length ? rights : ["no capability"]),
    ...(access ? [access] : []),
    ...(kernel ? [`Linux ${kernel.version} (${kernel.what})`] : []),
  ].join("; ");
}
