/**
 * Splits the program's text, so that a start reads only the modules it needs.
 * `deno bundle` splits the program into modules; each becomes a function, and a
 * text contains some or all of these functions. The texts are classic scripts,
 * because only for these can V8 store compiled code.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { basename, join } from "@std/path";
import { stop, transform } from "esbuild";
import { reasonOf, runDeno } from "./_deno.ts";
import { ROOT } from "./_files.ts";
import { ScriptError } from "./_report.ts";

/** Minutes: enough for a slow download, and short enough to notice a hang. */
const PATIENCE = 5;

/**
 * Runs `deno bundle`.
 *
 * @throws {ScriptError}
 */
export async function runBundle(args: readonly string[]): Promise<void> {
  const outcome = await runDeno(
    Deno.execPath(),
    ["bundle", "--quiet", ...args],
    { cwd: ROOT, minutes: PATIENCE },
  );
  if (outcome.code === 0) return;
  throw new ScriptError(`Cannot bundle the program: ${reasonOf(outcome)}`, {
    hint:
      "the first bundling downloads esbuild from npm, which needs a network",
  });
}

/**
 * Minifies a text. `deno bundle --minify` is not used, because it also rewrites
 * statements: it replaces a variable that is used once by its value, even for
 * `using`, and then nothing is disposed of. Non-ASCII characters, which appear
 * only in strings, become escapes: V8 stores an ASCII text in half the memory
 * and without conversion.
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

/** The modules of a program, by name. */
export type Modules = ReadonlyMap<string, string>;

/**
 * Splits a program into modules.
 *
 * @param entries the main modules, which keep their names
 * @param directory the directory for the output of `deno bundle`
 * @throws {ScriptError}
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
  // Modules that are loaded on demand have a hash in their names. If two have
  // the same base name, only the hash differs.
  for (const entry of entries) {
    const name = basename(entry).replace(/\.ts$/, ".js");
    if (!modules.has(name)) {
      throw new ScriptError(`Cannot split the program: no ${name} was made`);
    }
  }
  return modules;
}

/** Parses an import or export list: `a`, `a as b`. */
const pairs = (list: string) =>
  list.split(",").map((entry) => entry.trim()).filter(Boolean)
    .map((entry) => entry.split(" as ") as [string, string?]);

/**
 * Converts a module to the text of a function that returns its exports. Imports
 * are read once: no module changes its exports or is part of an import cycle.
 * Imports only for side effects are dropped, because no module has any. The
 * modules of node are part of Deno's runtime.
 *
 * @throws {ScriptError} if the module has another kind of import or export
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
    .replace(
      /^import \{([^}]*)\} from "(node:[^"]+)";\n/gm,
      (_, list: string, from: string) =>
        `const {${
          pairs(list).map(([theirs, ours]) => `${theirs}:${ours ?? theirs}`)
        }}=process.getBuiltinModule(${JSON.stringify(from)});\n`,
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

/** Whether a variable of a module is assigned a second time. */
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

/** The text of these modules; by default of all modules. */
export async function textOf(
  modules: Modules,
  names: Iterable<string> = modules.keys(),
): Promise<string> {
  const parts = Iterator.from(names).map((name) =>
    `define(${JSON.stringify(name)},${modules.get(name)});`
  );
  return await shorten(`(function(define){${[...parts].join("\n")}})`);
}
