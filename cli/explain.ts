/**
 * `container explain`: prints the plan of a command, with the reason for each
 * step. Changes nothing.
 */

import type { ContainerOptions } from "../containers/decide/options.ts";
import { requesterIn } from "../containers/decide/requester.ts";
import { rootToExplain } from "../containers/run/root_filesystem.ts";
import { containerId, prepare, type Prepared } from "../containers/run/run.ts";
import { THIS_MACHINE } from "../containers/world/real_world.ts";
import { UsageError } from "../spec/errors.ts";
import { closestString } from "./closest.ts";
import type { Command } from "./command.ts";
import { type Asked, EXPLAIN_FLAGS } from "./explain_flags.ts";
import { type Flags, parseFlags } from "./flags.ts";
import { print, say } from "./output.ts";
import { parseRunFlags } from "./parse_run.ts";
import { isKept, RUN_FLAGS } from "./run_flags.ts";
import { optionsFromFlags } from "./run_options.ts";
import { coloured, columns } from "./terminal.ts";

/** The widest readable line, even on a wider terminal. */
const MOST_COLUMNS = 100;
/** The width if the output is a file or a pipe. */
const USUAL_COLUMNS = 80;

/**
 * The commands that can be explained. None of these functions changes anything.
 */
const ASKED: Record<string, (argv: readonly string[]) => Promise<Asked>> = {
  run: askedRun,
  create: async (argv) => (await import("./explain_oci.ts")).askedCreate(argv),
  exec: async (argv) => (await import("./explain_oci.ts")).askedExec(argv),
};

/** Prints what a command would do. */
export const explainCommand: Command = {
  name: "explain",
  summary: "Print the steps of run, create or exec, and why; changes nothing",
  usage: "[--json] [--strace] run|create|exec [flags] …",
  flags: EXPLAIN_FLAGS,
  examples: [
    ["container explain run /bin/sh", "without root"],
    ["container explain run -m 64m -v /srv:/srv:ro sh", "with flags of run"],
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
    const [word, ...rest] = own.rest;
    const ask = word !== undefined && Object.hasOwn(ASKED, word)
      ? ASKED[word]
      : undefined;
    if (!ask) throw notExplained(word);
    const { flags, ...explained } = await ask(rest);
    const asked = (name: string) => own.has(name) || flags.has(name);
    if (asked("json")) {
      const { asJson } = await import("../explain/json.ts");
      print(asJson(explained, { calls: asked("strace") }));
    } else if (asked("strace")) {
      const { asStrace } = await import("../explain/strace_text.ts");
      print(asStrace(explained, { colour: coloured() }));
    } else {
      const { asText } = await import("../explain/text.ts");
      const width = Math.min(columns() ?? USUAL_COLUMNS, MOST_COLUMNS);
      print(asText(explained, { colour: coloured(), width }));
    }
    return 0;
  },
};

async function askedRun(argv: readonly string[]): Promise<Asked> {
  const { asksForBundle } = await import("./oci/run_bundle.ts");
  if (asksForBundle(argv)) {
    return (await import("./explain_oci.ts")).askedRunBundle(argv);
  }
  const flags = await parseRunFlags(
    [...RUN_FLAGS, ...EXPLAIN_FLAGS],
    argv,
    "container explain run",
  );
  const requester = requesterIn(THIS_MACHINE);
  const options = optionsFromFlags(flags, requester);
  const rootfs = await rootToExplain(options.rootfs, requester, say);
  const { spec, plan, leftOut } = flags.has("detach")
    ? await prepareDetached(options, rootfs, flags)
    : await prepare(
      { options, rootfs, ...await recordOf(flags, options) },
      requester,
    );
  return {
    command: "run",
    plan,
    args: spec.process.args,
    leftOut,
    flags,
  };
}

async function prepareDetached(
  options: ContainerOptions,
  rootfs: string,
  flags: Flags,
): Promise<Prepared> {
  const { decideDetached } = await import("../containers/daily/begin.ts");
  const { compile } = await import("../plan/compile.ts");
  const { id, record, ...named } = await newRecord(flags, options);
  const interactive = flags.has("interactive");
  const wanted = { ...named, rootfs, interactive, name: record.container };
  const decided = await decideDetached(id, wanted, record.directory);
  return { ...decided, plan: compile(decided.spec, decided.facts) };
}

/** The record of a container in the foreground, if the flags ask for one. */
const recordOf = async (flags: Flags, options: ContainerOptions) =>
  isKept(flags) ? await newRecord(flags, options) : {};

async function newRecord(flags: Flags, options: ContainerOptions) {
  const { ID_SIZE, withHostname } = await import("../containers/daily/make.ts");
  const { generatedName } = await import("../containers/daily/names.ts");
  const id = containerId(ID_SIZE);
  const container = flags.last("name") ?? generatedName(id);
  const { store } = (await import("./oci/global.ts")).globals();
  return {
    id,
    options: withHostname(id, options),
    idFile: flags.last("cidfile"),
    record: { directory: store.pathOf(id), container },
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
