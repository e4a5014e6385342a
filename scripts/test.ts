/**
 * `deno task test`: runs all tests, part by part. Formatting, lint, types and
 * unit tests run as the caller. The end-to-end tests run as root: on the
 * compiled program if there is one, and from source where the source differs.
 * `deno task ok` runs only the first group.
 *
 * @module
 */

import { runScript, ScriptUsageError, speaker, write } from "./_report.ts";
import { changedFiles, Touched } from "./testing/changed.ts";
import { describe, sum, type Tally } from "./testing/junit.ts";
import { allParts, type Outcome, type Part } from "./testing/parts.ts";

const say = speaker("test");

/** How many of the slowest files to list. */
const SLOWEST = 10;

/** The options of the command line. */
interface Asked {
  parts: Part[];
  changed: boolean;
}

/** Parses `[--quick] [--changed] [--only PART]…`. */
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
        }: the arguments are --quick, --changed, and --only with ${
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

/** The result of a part. */
interface Done extends Outcome {
  part: Part;
  seconds: number;
}

/** Puts those that run at the same time together. */
function groups(parts: readonly Part[]): Part[][] {
  const all: Part[][] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (part.together && last?.[0]?.together) last.push(part);
    else all.push([part]);
  }
  return all;
}

async function runPart(
  part: Part,
  touched: (path: string) => boolean,
): Promise<Done> {
  const start = performance.now();
  const outcome = await part.run(touched);
  return { ...outcome, part, seconds: (performance.now() - start) / 1000 };
}

const inSeconds = (seconds: number) => `${seconds.toFixed(0)} s`;

/** One line for each part: the result, its time, and its time budget. */
function summary(done: readonly Done[]): string {
  return done.map(({ part, tally, seconds, note }) => {
    const over = seconds > part.budget ? ", over its budget" : "";
    return `${part.name}: ${describe(tally)} in ${inSeconds(seconds)} of ${
      inSeconds(part.budget)
    }${over}${note ? ` (${note})` : ""}\n`;
  }).join("");
}

/** The slowest files. */
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

/** The last line, which programs read for the number of tests. */
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
    // The end-to-end tests run the program without importing it.
    const program = files.some((path) =>
      /\.(ts|c|h)$/.test(path) && !/\/(tests|scripts|bench|docs)\//.test(path)
    );
    if (!files.length) say("Nothing has changed");
    touched = (path) => graph.has(path) || program && /\/tests\//.test(path);
  }
  const done: Done[] = [];
  for (const group of groups(parts)) {
    const title = group.map((part) => part.title).join(", and ");
    write(Deno.stdout, `\n== ${title}\n`);
    done.push(
      ...await Promise.all(group.map((part) => runPart(part, touched))),
    );
  }
  write(Deno.stdout, `\n== summary\n${summary(done)}${slowest(done)}`);
  const total = sum(done.map(({ tally }) => tally));
  write(Deno.stdout, closing(total));
  return total.failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  Deno.exit(await runScript("test", () => main(Deno.args)));
}
