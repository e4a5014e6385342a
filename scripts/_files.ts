/**
 * Which files of the checkout are what: sources of the program, tests. Found by
 * looking, so that a new room needs no entry here.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { dirname, fromFileUrl, join } from "@std/path";

/** The checkout. */
export const ROOT = dirname(dirname(fromFileUrl(import.meta.url)));

/** Rooms that the program imports nothing from. */
const BESIDE_THE_PROGRAM = new Set([
  "bench",
  "docs",
  "scripts",
  "tests",
  "types",
]);

/** What is built or fetched into the checkout. */
const NO_ROOM = new Set(["fs", "node_modules"]);

/** TypeScript files below the checkout, in rooms that `enter` lets through. */
function typescriptFiles(enter: (room: string) => boolean): string[] {
  const found: string[] = [];
  const collect = (dir: string) => {
    for (const { name, isFile, isDirectory } of Deno.readDirSync(dir)) {
      const path = join(dir, name);
      if (isFile && name.endsWith(".ts")) found.push(path);
      if (!isDirectory || name.startsWith(".")) continue;
      if (dir !== ROOT || !NO_ROOM.has(name) && enter(name)) collect(path);
    }
  };
  collect(ROOT);
  return found.sort();
}

/** What of the scripts is in the program, or decides what it is made of. */
const BUILDERS = [
  "compile.ts",
  "_launcher.ts",
  "_entry.ts",
  "_carry.ts",
  "_standalone.ts",
  "_texts.ts",
  "standalone/child.ts",
  "standalone/load.ts",
  "standalone/main.ts",
  "standalone/program.ts",
  "standalone/warm.ts",
];

/** Every file that can change what the program does. */
export function programSources(): string[] {
  return [
    ...typescriptFiles((room) => !BESIDE_THE_PROGRAM.has(room))
      .filter((path) => !path.endsWith("_test.ts")),
    join(ROOT, "deno.json"),
    join(ROOT, "deno.lock"),
    ...BUILDERS.map((name) => join(ROOT, "scripts", name)),
  ];
}

/** The tests that stand beside their source, and the one of the imports. */
export function unitTests(): string[] {
  const imports = join(ROOT, "tests/imports_test.ts");
  return [
    ...typescriptFiles((room) => room !== "tests"),
    ...(isThere(imports) ? [imports] : []),
  ].filter((path) => path.endsWith("_test.ts"));
}

/** End-to-end tests: those of the program, and those of a script. */
export function endToEndTests(): { program: string[]; scripts: string[] } {
  const scripts = join(ROOT, "tests/scripts/");
  const units = new Set(unitTests());
  const engines = new Set(engineTests());
  const all = typescriptFiles((room) => room === "tests").filter((path) =>
    path.startsWith(join(ROOT, "tests")) && path.endsWith("_test.ts") &&
    !units.has(path) && !engines.has(path)
  );
  return {
    program: all.filter((path) => !path.startsWith(scripts)),
    scripts: all.filter((path) => path.startsWith(scripts)),
  };
}

/** The tests of engines that have the compiled program as their runtime. */
export function engineTests(): string[] {
  const room = join(ROOT, "tests/engines");
  return typescriptFiles((room) => room === "tests")
    .filter((path) => path.startsWith(room) && path.endsWith("_test.ts"));
}

/** What became of the engines' scenarios with runc. */
export const RECORDED_ENGINES = join(ROOT, "tests/engines/recorded_runc.json");

/** Whether there is anything at a path; a dangling link is nothing. */
export function isThere(path: string): boolean {
  return changed(path) !== null;
}

/** When a file was last written, null where there is none. */
export function changed(path: string): number | null {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** The text of a file; null where there is none, or a directory. */
export function readIfThere(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.IsADirectory
    ) return null;
    throw error;
  }
}
