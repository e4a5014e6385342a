/**
 * `container explain`: prints the plan of a command, with the reason for each
 * step. Changes nothing.
 */

import type { RunRequest } from "../containers/decide/run.ts";
import type { ContainerOptions } from "../containers/decide/options.ts";
import { requesterIn } from "../containers/decide/requester.ts";
import { rootToExplain } from "../containers/run/root_filesystem.ts";
import { containerId, prepare, type Prepared } from "../containers/run/run.ts";
import { THIS_MACHINE } from "../containers/world/real_world.ts";
import { type Explained, explainSteps } from "../explain/explained.ts";
import type { Keeping } from "../explain/keeper.ts";
import { UsageError } from "../spec/errors.ts";
import { closestString } from "../containers/run/closest.ts";
import type { Command } from "./command.ts";
import {
  type Asked,
  checkPart,
  EXPLAIN_FLAGS,
  type Output,
  outputOf,
} from "./explain_flags.ts";
import { type Flags, parseFlags } from "./flags.ts";
import { print, say } from "./output.ts";
import { parseRunFlags } from "./parse_run.ts";
import { isKept, RUN_FLAGS } from "./run_flags.ts";
import { askedFor } from "./images/run_image.ts";
import { coloured, columns } from "./terminal.ts";

/** The widest readable line, even on a wider terminal. */
const MOST_COLUMNS = 100;
/** The width if the output is a file or a pipe. */
const USUAL_COLUMNS = 80;

/**
 * The commands that can be explained. None of these functions changes anything.
 */
const ASKED: Record<
  string,
  (argv: readonly string[], id?: string) => Promise<Asked>
> = {
  run: askedRun,
  create: async (argv, id) =>
    (await import("./explain_oci.ts")).askedCreate(argv, id),
  exec: async (argv) => (await import("./explain_oci.ts")).askedExec(argv),
};

/** Prints what a command would do. */
export const explainCommand: Command = {
  name: "explain",
  summary: "Print the steps of run, create or exec, and why; changes nothing",
  usage: "[flags] run|create|exec [flags of the command] …",
  flags: EXPLAIN_FLAGS,
  examples: [
    ["container explain run /bin/sh", "the outline, without root"],
    ["container explain --about root run /bin/sh", "the steps of one idea"],
    ["container explain --all run -m 64m -v /srv:/srv:ro sh", "every step"],
    ["container explain --diff run sh -- run -m 64m sh", "what a flag changes"],
    [
      "container explain --strace run /bin/sh",
      "the system calls, as in strace -f",
    ],
    ["container explain --json run /bin/sh", "for programs"],
    [
      "container explain create --bundle /srv/web",
      "a bundle, as an engine runs it",
    ],
    ["sudo container explain exec web ls", "in a running container"],
  ],
  async execute(argv) {
    const own = parseFlags(EXPLAIN_FLAGS, argv, "container explain");
    if (own.has("diff")) return await printDifference(own);
    const { flags, ...explained } = await explainedOf(own.rest);
    if (flags.has("diff")) {
      throw new UsageError(
        "--diff must come before the first command",
        DIFF_EXAMPLE,
      );
    }
    await printPlan(explained, outputOf([own, flags]));
    return 0;
  },
};

const DIFF_EXAMPLE =
  "Example: container explain --diff run sh -- run -m 64m sh.";

/** What a command line would do. */
function explainedOf(
  [word, ...rest]: readonly string[],
  id?: string,
): Promise<Asked> {
  const ask = word !== undefined && Object.hasOwn(ASKED, word)
    ? ASKED[word]
    : undefined;
  if (!ask) throw notExplained(word);
  return ask(rest, id);
}

async function printPlan(
  explained: Explained,
  { format, calls, part }: Output,
): Promise<void> {
  if (format === "json") {
    const { asJson } = await import("../explain/json.ts");
    return print(asJson(explained, { calls }));
  }
  if (part) {
    const steps = explainSteps(explained);
    const numbers = Map.groupBy(steps, ({ idea }) => idea);
    checkPart(
      part,
      new Map([...numbers].map(([idea, { length }]) => [idea, length])),
      steps.length,
      explained.keeper !== undefined,
    );
  }
  if (format === "strace") {
    const { asStrace } = await import("../explain/strace_text.ts");
    return print(asStrace(explained, { colour: coloured(), part }));
  }
  if (format === "steps") {
    const { asText } = await import("../explain/text.ts");
    return print(asText(explained, drawing(), part));
  }
  const { asOutline } = await import("../explain/outline.ts");
  print(asOutline(explained, drawing()));
}

const drawing = () => ({
  colour: coloured(),
  width: Math.min(columns() ?? USUAL_COLUMNS, MOST_COLUMNS),
});

/** Prints how the plan of the second command differs from that of the first. */
async function printDifference(own: Flags): Promise<number> {
  // The words after a command belong to it, and can contain dashes as well.
  const at = own.rest.findIndex((word, index) =>
    word === "--" && Object.hasOwn(ASKED, own.rest[index + 1] ?? "")
  );
  if (at < 0) {
    throw new UsageError("--diff compares two commands", DIFF_EXAMPLE);
  }
  // With the same id, only the flags make a difference.
  const { ID_SIZE } = await import("../containers/daily/make.ts");
  const id = containerId(ID_SIZE);
  const { flags: a, ...before } = await explainedOf(own.rest.slice(0, at), id);
  const { flags: b, ...after } = await explainedOf(own.rest.slice(at + 1), id);
  const { format, part, calls } = outputOf([own, a, b]);
  if (part || calls) {
    throw new UsageError(
      "--diff prints whole steps, and only those that differ",
      "Remove --about, --step and --strace.",
    );
  }
  const { differenceOf, differenceAsJson, differenceAsText } = await import(
    "../explain/difference.ts"
  );
  const difference = differenceOf(before, after);
  print(
    format === "json"
      ? differenceAsJson(difference)
      : differenceAsText(difference, drawing()),
  );
  return 0;
}

async function askedRun(
  argv: readonly string[],
  id?: string,
): Promise<Asked> {
  const { asksForBundle } = await import("./oci/run_bundle.ts");
  if (asksForBundle(argv)) {
    return (await import("./explain_oci.ts")).askedRunBundle(argv, id);
  }
  const given = await parseRunFlags(
    [...RUN_FLAGS, ...EXPLAIN_FLAGS],
    argv,
    "container explain run",
  );
  const requester = requesterIn(THIS_MACHINE);
  const { flags, options, image } = await askedFor(given, requester, {
    explain: true,
    rootfs: () => rootToExplain(undefined, requester, say),
  });
  const rootfs = image?.store ??
    await rootToExplain(options.rootfs, requester, say);
  const { keeper, ...prepared } = isKept(flags)
    ? await prepareKept(options, { rootfs, image }, flags, id)
    : {
      ...await prepare(
        { options, rootfs, image, ...(id ? { id } : {}) },
        requester,
      ),
      keeper: undefined,
    };
  return {
    command: "run",
    plan: prepared.plan,
    args: prepared.spec.process.args,
    leftOut: prepared.leftOut,
    flags,
    keeper,
  };
}

/** The plan of a container with a record, in the background or not. */
async function prepareKept(
  options: ContainerOptions,
  root: Pick<RunRequest, "rootfs" | "image">,
  flags: Flags,
  given?: string,
): Promise<Prepared & { keeper?: Keeping }> {
  const { ID_SIZE, withHostname } = await import("../containers/daily/make.ts");
  const { generatedName } = await import("../containers/daily/names.ts");
  const { keepOptionsOf } = await import("./daily/keep_flags.ts");
  const { store } = (await import("./oci/global.ts")).globals();
  const keep = keepOptionsOf(flags);
  const id = given ?? containerId(ID_SIZE);
  const directory = store.pathOf(id);
  const record = {
    directory,
    container: keep?.name ?? generatedName(id),
  };
  const named = {
    id,
    options: withHostname(id, options),
    ...root,
    idFile: keep?.idFile,
  };
  const detached = flags.has("detach") ||
    flags.last("detach-keys") !== undefined;
  if (!keep || !detached) return await prepare({ ...named, record });
  const { decideDetached } = await import("../containers/daily/begin.ts");
  const { compile } = await import("../plan/compile.ts");
  const { interactive, logMax, autoRemove, restart } = keep;
  const decided = await decideDetached(store, id, {
    ...named,
    interactive,
    name: record.container,
  });
  return {
    ...decided,
    plan: compile(decided.spec, decided.facts),
    keeper: {
      directory,
      logMax,
      terminal: decided.spec.process.terminal ?? false,
      interactive,
      removes: autoRemove,
      restart: restart.name === "no" ? null : flags.last("restart")!,
    },
  };
}

function notExplained(word: string | undefined): UsageError {
  if (word === undefined) {
    return new UsageError(
      "Nothing to explain",
      "Example: container explain run /bin/sh.",
    );
  }
  const known = Object.keys(ASKED);
  const near = closestString(word, known);
  return new UsageError(
    `Cannot explain ${word}: the supported commands are ${known.join(", ")}`,
    near ? `Did you mean ${near}?` : "See container explain --help.",
  );
}
