/**
 * `deno task test:engines`: runs the engines' scenarios with runc and with the
 * compiled program as the runtime, and prints a table of the outcomes. Needs
 * root, ./container, and those of Docker, Podman and containerd that are to be
 * tested. `--record` runs all scenarios with runc and stores the outcomes;
 * `deno task test` shows the stored outcomes instead of running runc.
 *
 * @module
 */
import { engineTests, RECORDED_ENGINES } from "./_files.ts";
import { runScript, ScriptUsageError, write } from "./_report.ts";
import { engineResults, type Recorded } from "./testing/engine_table.ts";
import { cachePackages, LOCKED } from "./testing/engine_packages.ts";
import { longestFirst } from "./testing/files.ts";
import { describe, sum } from "./testing/junit.ts";
import { runFiles } from "./testing/lanes.ts";
import { findHierarchies } from "./testing/world.ts";

const RUNTIMES = ["ours", "runc"];

/** The options of the command line. */
interface Asked {
  files: string[];
  runtime?: string;
  record: boolean;
}

/** Parses `[ENGINE]… [--runtime NAME]`, or `--record`. */
function parse(args: readonly string[]): Asked {
  const all = new Map(
    engineTests().map((path) => [path.match(/(\w+)_test\.ts$/)![1]!, path]),
  );
  const asked: Asked = { files: [], record: false };
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    const file = all.get(arg);
    const runtime = arg === "--runtime"
      ? args[++index] ?? ""
      : arg.match(/^--runtime=(.*)$/)?.[1];
    if (file) asked.files.push(file);
    else if (arg === "--record" && args.length === 1) {
      asked.record = true;
      asked.runtime = "runc";
    } else if (runtime !== undefined && RUNTIMES.includes(runtime)) {
      asked.runtime = runtime;
    } else {
      throw new ScriptUsageError(
        `Unknown argument ${
          JSON.stringify(runtime ?? arg)
        }: the arguments are ${[...all.keys()].join(", ")} and --runtime ${
          RUNTIMES.join(" or ")
        }, or only --record`,
      );
    }
  }
  if (!asked.files.length) asked.files.push(...all.values());
  return asked;
}

async function writeRecord(xml: string): Promise<void> {
  const { stdout } = await new Deno.Command("runc", { args: ["--version"] })
    .output();
  const [version = ""] = new TextDecoder().decode(stdout).split("\n");
  const outcomes = Object.fromEntries(
    [...engineResults(xml)].map(([row, { runc = "-" }]) => [row, runc]),
  );
  const recorded: Recorded = { version, outcomes };
  await Deno.writeTextFile(
    RECORDED_ENGINES,
    `${JSON.stringify(recorded, null, 2)}\n`,
  );
}

async function main(args: readonly string[]): Promise<number> {
  const { files, runtime, record } = parse(args);
  const found = findHierarchies();
  if (!await cachePackages()) return 1;
  const results = await runFiles(longestFirst(files), {
    flags: LOCKED,
    env: runtime ? { CONTAINER_ENGINES_RUNTIME: runtime } : {},
    ...typeof found === "string"
      ? {}
      : { worlds: found, lanes: navigator.hardwareConcurrency },
  });
  if (record) {
    await writeRecord(results.map(({ report = "" }) => report).join(""));
  }
  const total = sum(results.map(({ tally }) => tally));
  write(Deno.stdout, `\n${describe(total)}\n`);
  return total.failed ? 1 : 0;
}

if (import.meta.main) {
  Deno.exit(await runScript("test:engines", () => main(Deno.args)));
}
