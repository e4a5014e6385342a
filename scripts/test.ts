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
import { allParts, type Part } from "./testing/parts.ts";
import {
  announcement,
  type Done,
  finished,
  groups,
  summary,
} from "./testing/report.ts";

const say = speaker("test");

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

async function runPart(
  part: Part,
  touched: (path: string) => boolean,
): Promise<Done> {
  const start = performance.now();
  const outcome = await part.run(touched);
  const seconds = (performance.now() - start) / 1000;
  return { seconds, ...outcome, part };
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
  write(Deno.stdout, announcement(parts));
  const done: Done[] = [];
  for (const group of groups(parts)) {
    const title = group.map((part) => part.title).join(", and ");
    write(Deno.stdout, `\n== ${title}\n`);
    const ended = await Promise.all(
      group.map((part) => runPart(part, touched)),
    );
    write(Deno.stdout, `-- ${ended.map(finished).join("-- ")}`);
    done.push(...ended);
  }
  write(Deno.stdout, summary(done));
  return done.some(({ tally }) => tally.failed) ? 1 : 0;
}

if (import.meta.main) {
  Deno.exit(await runScript("test", () => main(Deno.args)));
}
