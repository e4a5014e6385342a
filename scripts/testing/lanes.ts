/**
 * Runs test files concurrently: each in its own `deno test`, and in its own
 * world if possible.
 *
 * @module
 */
// @ts-types="../../types/std_path.d.ts"
import { join, relative } from "@std/path";
import { readIfThere, RECORDED_ENGINES, ROOT } from "../_files.ts";
import { write } from "../_report.ts";
import { engineTable, type Recorded } from "./engine_table.ts";
import { nameOf, rankOf } from "./files.ts";
import { describe, type Tally, tally } from "./junit.ts";
import { type Hierarchy, World } from "./world.ts";

/** A file that takes longer counts as hung. */
const MINUTES = 25;

/** The result of a file, or of a group of files. */
export interface FileResult {
  name: string;
  tally: Tally;
  seconds: number;
  /** The report of `deno test --junit-path`, if there is one. */
  report?: string;
}

/** How to run files. */
export interface LaneOptions {
  /** Words before Deno, for example those of sudo. */
  before?: readonly string[];
  /** Changes of the environment. Undefined removes a variable. */
  env?: Record<string, string | undefined>;
  /**
   * The cgroup hierarchies for each world; null to run in the machine's own
   * namespaces.
   */
  worlds?: readonly Hierarchy[] | null;
  /** Whether worlds have the host's network. */
  network?: boolean;
  /** More arguments of Deno. */
  flags?: readonly string[];
  /** How many to run at once, or the lanes that several calls share. */
  lanes?: number | Lanes;
}

/**
 * Runs a limited number of tasks at once: those that take longest first, the
 * others in the order in which they came.
 */
export class Lanes {
  readonly #waiting: { rank: number; start: () => void }[] = [];
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  /** @param rank tasks of a lower rank start first */
  async run<T>(rank: number, task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else {
      await new Promise<void>((start) => {
        const later = this.#waiting.findIndex((other) => other.rank > rank);
        this.#waiting.splice(
          later < 0 ? this.#waiting.length : later,
          0,
          { rank, start },
        );
      });
    }
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      // Its lane goes to the next task.
      if (next) next.start();
      else this.#free++;
    }
  }
}

/** Runs test files in the given order, each in its own `deno test`. */
export const runFiles = (
  paths: readonly string[],
  options?: LaneOptions,
): Promise<FileResult[]> => runTogether(paths.map((path) => [path]), options);

/**
 * Runs groups of test files, each group in one `deno test`, and prints the
 * results.
 */
export async function runTogether(
  groups: readonly (readonly string[])[],
  { lanes = 1, ...options }: LaneOptions = {},
): Promise<FileResult[]> {
  const shared = typeof lanes === "number" ? new Lanes(lanes) : lanes;
  return await Promise.all(groups.map((group) =>
    shared.run(
      rankOf(group[0] ?? ""),
      () => runGroup(group, options),
    )
  ));
}

async function runGroup(
  paths: readonly string[],
  { before = [], env = {}, worlds = null, network, flags = [] }: LaneOptions,
): Promise<FileResult> {
  const start = performance.now();
  const [first = ""] = paths;
  const name = paths.length > 1
    ? `${paths.length} files from ${relative(ROOT, first)} on`
    : relative(ROOT, first);
  await using stack = new AsyncDisposableStack();
  const world = worlds && stack.use(new World(nameOf(first), worlds, network));
  const scratch = world?.tmp ??
    stack.adopt(
      await Deno.makeTempDir({ prefix: "container-report-" }),
      (dir) => Deno.removeSync(dir, { recursive: true }),
    );
  const file = "report.xml";
  const command = [
    ...before,
    Deno.execPath(),
    // Types are checked in a separate part.
    ...["test", "--allow-all", "--no-check", "--quiet"],
    `--junit-path=${join(world ? "/tmp" : scratch, file)}`,
    ...flags,
    ...paths.map((path) => relative(ROOT, path)),
  ];
  const { success, text } = await output(
    world?.words(command) ?? command,
    env,
  );
  const seconds = (performance.now() - start) / 1000;
  const cpu = world?.cpuSeconds() ?? null;
  const xml = readIfThere(join(scratch, file));
  const counted = tally(xml, success);
  const left = (world?.leftovers() ?? []).filter((path) =>
    path !== `/tmp/${file}`
  );
  if (left.length) counted.failed++;
  write(
    Deno.stdout,
    `${name}: ${describe(counted)} (${seconds.toFixed(1)} s${
      cpu === null ? "" : `, CPU ${cpu.toFixed(1)} s`
    })\n${counted.failed ? text : ""}${
      left.map((path) => `left behind: ${path}\n`).join("")
    }${engineTable(xml ?? "", recordedEngines())}`,
  );
  return { name, tally: counted, seconds, ...xml ? { report: xml } : {} };
}

/** Runs a program to its end and returns its output. */
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
  // unshare(1) ignores SIGTERM. Its PID namespace ends together with it.
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
