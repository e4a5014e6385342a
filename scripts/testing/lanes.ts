/**
 * Test files side by side: each in a `deno test` of its own, in a world of its
 * own where one can be made.
 *
 * @module
 */
// @ts-types="../../types/std_path.d.ts"
import { join, relative } from "@std/path";
import { readIfThere, RECORDED_ENGINES, ROOT } from "../_files.ts";
import { write } from "../_report.ts";
import { engineTable, type Recorded } from "./engine_table.ts";
import { nameOf } from "./files.ts";
import { describe, type Tally, tally } from "./junit.ts";
import { type Hierarchy, World } from "./world.ts";

/** A file that takes longer is hung. */
const MINUTES = 25;

/** How one file, or one group of files, went. */
export interface FileResult {
  name: string;
  tally: Tally;
  seconds: number;
}

/** How files are run. */
export interface LaneOptions {
  /** Words before Deno, as sudo's. */
  before?: readonly string[];
  /** Undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  /** The hierarchies of each world; null where files run in the machine's own. */
  worlds?: readonly Hierarchy[] | null;
  /** How many at once. */
  lanes?: number;
}

/** Runs test files, each alone, in the order in which they are given. */
export const runFiles = (
  paths: readonly string[],
  options?: LaneOptions,
): Promise<FileResult[]> => runTogether(paths.map((path) => [path]), options);

/** Runs groups of test files, each in one `deno test`, and says how each went. */
export async function runTogether(
  groups: readonly (readonly string[])[],
  { lanes = 1, ...options }: LaneOptions = {},
): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const waiting = [...groups];
  const lane = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      results.push(await runGroup(next, options));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return results;
}

async function runGroup(
  paths: readonly string[],
  { before = [], env = {}, worlds = null }: LaneOptions,
): Promise<FileResult> {
  const start = performance.now();
  const [first = ""] = paths;
  const name = paths.length > 1
    ? `${paths.length} files from ${relative(ROOT, first)} on`
    : relative(ROOT, first);
  await using stack = new AsyncDisposableStack();
  const world = worlds && stack.use(new World(nameOf(first), worlds));
  const scratch = world?.tmp ??
    stack.adopt(
      await Deno.makeTempDir({ prefix: "container-report-" }),
      (dir) => Deno.removeSync(dir, { recursive: true }),
    );
  const report = "report.xml";
  const command = [
    ...before,
    Deno.execPath(),
    // Types are checked by a part of their own.
    ...["test", "--allow-all", "--no-check", "--quiet"],
    `--junit-path=${join(world ? "/tmp" : scratch, report)}`,
    ...paths.map((path) => relative(ROOT, path)),
  ];
  const { success, text } = await output(
    world?.words(command) ?? command,
    env,
  );
  const seconds = (performance.now() - start) / 1000;
  const xml = readIfThere(join(scratch, report));
  const counted = tally(xml, success);
  const left = (world?.leftovers() ?? []).filter((path) =>
    path !== `/tmp/${report}`
  );
  if (left.length) counted.failed++;
  write(
    Deno.stdout,
    `${name}: ${describe(counted)} (${seconds.toFixed(1)} s)\n${
      counted.failed ? text : ""
    }${left.map((path) => `left behind: ${path}\n`).join("")}${
      engineTable(xml ?? "", recordedEngines())
    }`,
  );
  return { name, tally: counted, seconds };
}

/** Runs a program to its end; what it says is for whoever asks. */
async function output(
  [program = "", ...args]: readonly string[],
  env: Record<string, string | undefined>,
): Promise<{ success: boolean; text: string }> {
  const environment = { ...Deno.env.toObject() };
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) delete environment[name];
    else environment[name] = value;
  }
  const child = new Deno.Command(program, {
    args,
    cwd: ROOT,
    clearEnv: true,
    env: environment,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // unshare(1) ignores SIGTERM; its PID namespace ends with it.
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    child.kill("SIGKILL");
  }, MINUTES * 60_000);
  const { success, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const decoder = new TextDecoder();
  return {
    success,
    text: `${decoder.decode(stdout)}${decoder.decode(stderr)}${
      hung ? `Ended by us after ${MINUTES} minutes\n` : ""
    }`,
  };
}

function recordedEngines(): Recorded | undefined {
  const text = readIfThere(RECORDED_ENGINES);
  return text === null ? undefined : JSON.parse(text);
}
