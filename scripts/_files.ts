/**
 * Finds the files of the checkout by kind: sources of the program, tests. It
 * searches the directories, so a new room needs no entry here.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { dirname, fromFileUrl, join } from "@std/path";

/** The root directory of the checkout. */
export const ROOT = dirname(dirname(fromFileUrl(import.meta.url)));

/** Rooms from which the program imports nothing. */
const BESIDE_THE_PROGRAM = new Set([
  "bench",
  "docs",
  "scripts",
  "tests",
  "types",
]);

/** Directories that are built or downloaded. */
const NO_ROOM = new Set(["fs", "node_modules"]);

/** The TypeScript files below the checkout, in rooms that `enter` accepts. */
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

/** Scripts that are part of the program, or decide its content. */
const BUILDERS = [
  "compile.ts",
  "_launcher.ts",
  "_entry.ts",
  "_carry.ts",
  "_image_server.ts",
  "_standalone.ts",
  "_texts.ts",
  "standalone/load.ts",
  "standalone/main.ts",
  "standalone/program.ts",
  "standalone/report.ts",
  "standalone/warm.ts",
];

/** All files that can change what the program does. */
export function programSources(): string[] {
  return [
    ...typescriptFiles((room) => !BESIDE_THE_PROGRAM.has(room))
      .filter((path) => !path.endsWith("_test.ts")),
    join(ROOT, "deno.json"),
    join(ROOT, "deno.lock"),
    ...BUILDERS.map((name) => join(ROOT, "scripts", name)),
  ];
}

/** All files of scripts/, except tests. */
export const scriptSources = (): string[] =>
  typescriptFiles((room) => room === "scripts").filter((path) =>
    path.startsWith(join(ROOT, "scripts/")) && !path.endsWith("_test.ts")
  );

/** The tests next to their source, and the test of imports. */
export function unitTests(): string[] {
  const imports = join(ROOT, "tests/imports_test.ts");
  return [
    ...typescriptFiles((room) => room !== "tests"),
    ...(isThere(imports) ? [imports] : []),
  ].filter((path) => path.endsWith("_test.ts"));
}

/** The end-to-end tests of the program, and those of scripts. */
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

/** The tests of engines, which use the compiled program as their runtime. */
export function engineTests(): string[] {
  const room = join(ROOT, "tests/engines");
  return typescriptFiles((room) => room === "tests")
    .filter((path) => path.startsWith(room) && path.endsWith("_test.ts"));
}

/** The recorded outcome of the engines' scenarios with runc. */
export const RECORDED_ENGINES = join(ROOT, "tests/engines/recorded_runc.json");

/** Whether a path exists. A dangling link does not. */
export function isThere(path: string): boolean {
  return changed(path) !== null;
}

/** The modification time of a file; null if it does not exist. */
export function changed(path: string): number | null {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** The text of a file; null if it does not exist or is a directory. */
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
