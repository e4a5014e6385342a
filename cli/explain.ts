/** `container explain`: the plan of a command, with the reason of each step. */

import { rootToExplain } from "../lifecycle/plan.ts";
import type { ContainerOptions } from "../lifecycle/options.ts";
import { containerId, prepare, type Prepared } from "../lifecycle/run.ts";
import { UsageError } from "../spec/errors.ts";
import { closestString } from "./closest.ts";
import type { Command } from "./command.ts";
import type { Explained } from "./explain_text.ts";
import { type Flag, parseFlags } from "./flags.ts";
import { print, say } from "./output.ts";
import { parseRunFlags } from "./parse_run.ts";
import { RUN_FLAGS } from "./run_flags.ts";
import { optionsFromFlags } from "./run_options.ts";
import { coloured, columns } from "./terminal.ts";

const EXPLAIN_FLAGS: readonly Flag[] = [
  {
    name: "json",
    help: "Print the plan as JSON; with --strace, calls and all",
  },
  { name: "strace", help: "Print the system calls as strace -f shows them" },
];

/** What is readable, on however wide a terminal. */
const MOST_COLUMNS = 100;
/** Where the output goes to a file or a pager. */
const USUAL_COLUMNS = 80;

/** Prints what `run` would do. */
export const explainCommand: Command = {
  name: "explain",
  summary: "Print the steps that run would carry out, and why; changes nothing",
  usage: "[--json] [--strace] run [flags] COMMAND [ARG…]",
  flags: EXPLAIN_FLAGS,
  examples: [
    ["container explain run /bin/sh", "needs no root"],
    ["container explain run -m 64m -v /srv:/srv:ro sh", "with flags of run"],
    ["container explain --strace run /bin/sh", "call by call, as strace -f"],
    ["container explain --json run /bin/sh", "for programs"],
  ],
  async execute(argv) {
    const own = parseFlags(EXPLAIN_FLAGS, argv, "container explain");
    const [word, ...rest] = own.rest;
    if (word !== "run") throw notExplained(word);
    const flags = await parseRunFlags(
      [...RUN_FLAGS, ...EXPLAIN_FLAGS],
      rest,
      "container explain run",
    );
    const options = optionsFromFlags(flags);
    const rootfs = await rootToExplain(options.rootfs, say);
    const { spec, plan, leftOut, cgroup } = flags.has("detach")
      ? await prepareDetached(options, rootfs, flags.has("interactive"))
      : await prepare(options, rootfs);
    const asked = (name: string) => own.has(name) || flags.has(name);
    const explained: Explained = { plan, args: spec.process.args, leftOut };
    if (asked("json")) {
      const { asJson } = await import("./explain_json.ts");
      print(asJson(explained, { calls: asked("strace"), cgroup }));
    } else if (asked("strace")) {
      const { asStrace } = await import("./explain_strace.ts");
      print(asStrace(explained, { colour: coloured(), cgroup }));
    } else {
      const { asText } = await import("./explain_text.ts");
      const width = Math.min(columns() ?? USUAL_COLUMNS, MOST_COLUMNS);
      print(asText(explained, { colour: coloured(), width }));
    }
    return 0;
  },
};

async function prepareDetached(
  options: ContainerOptions,
  rootfs: string,
  interactive: boolean,
): Promise<Prepared> {
  const { decideDetached } = await import("../lifecycle/daily/begin.ts");
  const { compile } = await import("../plan/compile.ts");
  const wanted = { options, rootfs, interactive };
  const decided = await decideDetached(containerId(), wanted);
  return { ...decided, plan: compile(decided.spec, decided.facts) };
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
