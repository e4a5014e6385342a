/**
 * `deno task test`: every test there is, part by part. Formatting, lint, types
 * and unit tests as the caller; the end-to-end tests as root, on the compiled
 * program where there is one and on the source where that is different.
 * `deno task ok` is the first half alone.
 *
 * @module
 */

import { runScript, ScriptUsageError, speaker, write } from "./_report.ts";
import { changedFiles, Touched } from "./testing/changed.ts";
import { describe, sum, type Tally } from "./testing/junit.ts";
import { allParts, type Outcome, type Part } from "./testing/parts.ts";

const say = speaker("test");

/** How many of the slowest files are named. */
const SLOWEST = 10;

/** What the command line asks for. */
interface Asked {
  parts: Part[];
  changed: boolean;
}

/** Reads `[--quick] [--changed] [--only PART]…`. */
function parse(args: readonly string[]): Asked {
  const all = allParts();
  const names: string[] = [];
  let quick = false;
  let changed = false;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    const name = arg === "--only"
      ? args[++index] ?? ""
      : arg.match(/^--only=(.*)$/)?.[1];
    if (arg === "--quick") quick = true;
    else if (arg === "--changed") changed = true;
    else if (name !== undefined && all.some((part) => part.name === name)) {
      names.push(name);
    } else {
      throw new ScriptUsageError(
        `Unknown ${name === undefined ? "argument" : "part"} ${
          JSON.stringify(name ?? arg)
        }: it takes --quick, --changed, and --only with ${
          all.map((part) => part.name).join(", ")
        }`,
      );
    }
  }
  return {
    parts: all.filter((part) =>
      names.length ? names.includes(part.name) : part.quick || !quick
    ),
    changed,
  };
}

/** A part that was run. */
interface Done extends Outcome {
  part: Part;
  seconds: number;
}

async function runPart(
  part: Part,
  touched: (path: string) => boolean,
): Promise<Done> {
  write(Deno.stdout, `\n== ${part.title}\n`);
  const start = performance.now();
  const outcome = await part.run(touched);
  return { ...outcome, part, seconds: (performance.now() - start) / 1000 };
}

const inSeconds = (seconds: number) => `${seconds.toFixed(0)} s`;

/** A line for each part: how it went, how long it took, and how long it may. */
function summary(done: readonly Done[]): string {
  return done.map(({ part, tally, seconds, note }) => {
    const over = seconds > part.budget ? ", over its budget" : "";
    return `${part.name}: ${describe(tally)} in ${inSeconds(seconds)} of ${
      inSeconds(part.budget)
    }${over}${note ? ` (${note})` : ""}\n`;
  }).join("");
}

/** The files that took longest. */
function slowest(done: readonly Done[]): string {
  const files = done.flatMap(({ part, files = [] }) =>
    files.map((file) => ({ ...file, part: part.name }))
  ).toSorted((one, other) => other.seconds - one.seconds).slice(0, SLOWEST);
  if (!files.length) return "";
  return `\nslowest:\n${
    files.map(({ name, part, seconds }) =>
      `${inSeconds(seconds).padStart(6)}  ${name} (${part})\n`
    ).join("")
  }`;
}

/** The last line is what counts the tests for a machine. */
function closing(total: Tally): string {
  const skipped = total.skipped ? `\n${total.skipped} skipped\n` : "";
  return `${skipped}\n${describe({ ...total, skipped: 0 })}\n`;
}

async function main(args: readonly string[]): Promise<number> {
  const { parts, changed } = parse(args);
  let touched = (_: string) => true;
  if (changed) {
    const files = await changedFiles();
    const graph = new Touched(files);
    // The program is behind each end-to-end test, without an import.
    const program = files.some((path) =>
      /\.(ts|c|h)$/.test(path) && !/\/(tests|scripts|bench|docs)\//.test(path)
    );
    if (!files.length) say("Nothing is changed");
    touched = (path) => graph.has(path) || program && /\/tests\//.test(path);
  }
  const done: Done[] = [];
  for (const part of parts) done.push(await runPart(part, touched));
  write(Deno.stdout, `\n== summary\n${summary(done)}${slowest(done)}`);
  const total = sum(done.map(({ tally }) => tally));
  write(Deno.stdout, closing(total));
  return total.failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  Deno.exit(await runScript("test", () => main(Deno.args)));
}
