/** `container explain`: the plan of a command, with the reason of each step. */

import { rootToExplain } from "../lifecycle/plan.ts";
import { prepare } from "../lifecycle/run.ts";
import { describe } from "../plan/describe.ts";
import { type Phase, PHASES, type Plan } from "../plan/step.ts";
import { UsageError } from "../spec/errors.ts";
import { closestString } from "./closest.ts";
import type { Command } from "./command.ts";
import { type Flag, parseFlags } from "./flags.ts";
import { print, say } from "./output.ts";
import { RUN_FLAGS } from "./run_flags.ts";
import { optionsFromFlags } from "./run_options.ts";

const EXPLAIN_FLAGS: readonly Flag[] = [
  { name: "json", help: "Print the plan as JSON" },
];

const WHERE: Record<Phase, string> = {
  host: "the parent, on the host",
  launch: "the walker, on the way from the host into the new namespaces",
  container: "the child: this program again, as PID 1 of the container",
  process: "the walker again, in the process that becomes the command",
  cleanup: "the child, when the command has ended",
};

/** Prints what `run` would do. */
export const explainCommand: Command = {
  name: "explain",
  summary: "Print the steps that run would carry out, and why; changes nothing",
  usage: "[--json] run [flags] COMMAND [ARG…]",
  flags: EXPLAIN_FLAGS,
  examples: [
    ["container explain run /bin/sh", "needs no root"],
    ["container explain --json run /bin/sh", "for programs"],
  ],
  async execute(argv) {
    const own = parseFlags(EXPLAIN_FLAGS, argv, "container explain");
    const [word, ...rest] = own.rest;
    if (word !== "run") throw notExplained(word);
    const flags = parseFlags(
      [...RUN_FLAGS, ...EXPLAIN_FLAGS],
      rest,
      "container explain run",
    );
    const options = optionsFromFlags(flags);
    const { spec, plan, leftOut } = await prepare(
      options,
      await rootToExplain(options.rootfs, say),
    );
    print(
      own.has("json") || flags.has("json")
        ? JSON.stringify({ command: spec.process.args, ...plan }, null, 2)
        : asText(plan, spec.process.args, leftOut),
    );
    return 0;
  },
};

/** Without a program of ours inside, the walker goes on by itself. */
function where(plan: Plan, phase: Phase): string {
  return plan.init || phase !== "container"
    ? WHERE[phase]
    : "the walker, as PID 1 of the container";
}

function notExplained(word: string | undefined): UsageError {
  if (word === undefined) {
    return new UsageError(
      "Nothing to explain",
      "Name a command: container explain run /bin/sh.",
    );
  }
  const near = closestString(word, ["run"]);
  return new UsageError(
    `Cannot explain ${word}: the commands it knows are: run`,
    near ? `Did you mean ${near}?` : "See container explain --help.",
  );
}

/** The plan for people. */
export function asText(
  plan: Plan,
  args: readonly string[],
  leftOut: readonly string[] = [],
): string {
  const count = PHASES.reduce((sum, phase) => sum + plan[phase].length, 0);
  const lines = [`container run ${args.join(" ")}: ${count} steps`];
  let number = 0;
  for (const line of leftOut) lines.push(`left out: ${line}`);
  for (const phase of PHASES) {
    if (!plan[phase].length) continue;
    lines.push("", `${phase}, by ${where(plan, phase)}`);
    for (const step of plan[phase]) {
      lines.push(
        `${String(++number).padStart(4)}. ${describe(step)}`,
        `      why: ${step.why}`,
        `      see: ${step.man}`,
      );
    }
  }
  return lines.join("\n");
}
