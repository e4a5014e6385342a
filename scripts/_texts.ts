/**
 * The program's text in pieces, so that a start reads what it needs: the
 * modules as `deno bundle` splits them, each as a function, and texts of some
 * or all of these. Classic scripts, which is the form V8 keeps compiled code
 * for.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { basename, join } from "@std/path";
import { stop, transform } from "esbuild";
import { reasonOf, runDeno } from "./_deno.ts";
import { ROOT } from "./_files.ts";
import { ScriptError } from "./_report.ts";

/** In minutes: long enough for a slow download, short enough to notice that it hangs. */
const PATIENCE = 5;

/** Runs `deno bundle`. */
export async function runBundle(args: readonly string[]): Promise<void> {
  const outcome = await runDeno(
    Deno.execPath(),
    ["bundle", "--quiet", ...args],
    { cwd: ROOT, minutes: PATIENCE },
  );
  if (outcome.code === 0) return;
  throw new ScriptError(`Cannot bundle the program: ${reasonOf(outcome)}`, {
    hint: "the first bundling fetches esbuild from npm, which needs a network",
  });
}

/**
 * Shortens a text. `deno bundle --minify` rewrites statements too: it puts a
 * value that is used once in the place of its variable, `using` ones as well,
 * and nothing is closed any more. Escapes for what is not ASCII, all of which is
 * in strings: V8 holds such a text in half the memory, and takes it over as it
 * is.
 */
export async function shorten(text: string): Promise<string> {
  const { code } = await transform(text, {
    minifyWhitespace: true,
    minifyIdentifiers: true,
    legalComments: "none",
    charset: "ascii",
    target: "esnext",
  });
  await stop();
  return code;
}

/** Pieces of a program, by name. */
export type Modules = ReadonlyMap<string, string>;

/**
 * Splits a program.
 *
 * @param entries its main modules, which keep their names
 * @param directory for what `deno bundle` writes
 */
export async function splitProgram(
  entries: readonly string[],
  directory: string,
): Promise<Modules> {
  const out = join(directory, "modules");
  await runBundle([
    ...["--platform=deno", "--code-splitting", "--outdir", out],
    ...entries,
  ]);
  const modules = new Map<string, string>();
  for await (const { name } of Deno.readDir(out)) {
    const text = await Deno.readTextFile(join(out, name));
    modules.set(name, asFunction(text, name));
  }
  // What is loaded late has a hash in its name: modules of one base name differ
  // by nothing else.
  for (const entry of entries) {
    const name = basename(entry).replace(/\.ts$/, ".js");
    if (!modules.has(name)) {
      throw new ScriptError(`Cannot split the program: no ${name} was made`);
    }
  }
  return modules;
}

/** One name of an import or export list: `a`, `a as b`. */
const pairs = (list: string) =>
  list.split(",").map((entry) => entry.trim()).filter(Boolean)
    .map((entry) => entry.split(" as ") as [string, string?]);

/**
 * A module as the text of a function that returns what it exports. What it
 * imports is taken once: no module of ours changes what it exports, or takes
 * part in a circle. An import for its effects alone is left out: a module of
 * ours has none.
 */
export function asFunction(module: string, name: string): string {
  let exported: [string, string?][] = [];
  const text = module
    .replace(/^\/\/.*\n/gm, "")
    .replace(
      /^import \{([^}]*)\} from "\.\/([^"]+)";\n/gm,
      (_, list: string, from: string) =>
        `const {${
          pairs(list).map(([theirs, ours]) => `${theirs}:${ours ?? theirs}`)
        }}=load(${JSON.stringify(from)});\n`,
    )
    .replace(/^import "\.\/[^"]+";\n/gm, "")
    .replace(/^export \{([^}]*)\};\n/gm, (_, list: string) => {
      exported = pairs(list);
      return "";
    })
    .replace(
      /\bimport\("\.\/([^"]+)"\)/g,
      (_, from: string) => `loadLate(${JSON.stringify(from)})`,
    );
  const left = text.match(/^(import|export)\b.*/m)?.[0];
  const changed = exported.find(([ours]) => isReassigned(text, ours));
  if (left || changed) {
    throw new ScriptError(
      `Cannot split the program: ${name}: ${left ?? changed}`,
    );
  }
  const names = exported.map(([ours, theirs]) => `${theirs ?? ours}:${ours}`);
  return `function(load,loadLate){${text}\nreturn{${names}}}`;
}

/** Whether a variable of a module gets a second value. */
function isReassigned(text: string, name: string): boolean {
  const assignments = text.matchAll(
    new RegExp(
      String.raw`(\b(?:var|let|const)\s+)?(?<![\w$.#])${
        name.replaceAll("$", "\\$")
      }\s*(?:=(?![=>])|\?\?=|\|\|=|[+-]=|\+\+|--)`,
      "g",
    ),
  );
  return [...assignments].some(([, declared]) => !declared);
}

/** The text of these modules; of all of them where none are named. */
export async function textOf(
  modules: Modules,
  names: Iterable<string> = modules.keys(),
): Promise<string> {
  const parts = Iterator.from(names).map((name) =>
    `define(${JSON.stringify(name)},${modules.get(name)});`
  );
  return await shorten(`(function(define){${[...parts].join("\n")}})`);
}
