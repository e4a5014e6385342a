/**
 * Finds the tests that a change affects: those that import a changed file,
 * directly or indirectly.
 *
 * @module
 */
// @ts-types="../../types/std_path.d.ts"
import { dirname, join } from "@std/path";
import $ from "dax";
import { readIfThere, ROOT } from "../_files.ts";
import { ScriptError } from "../_report.ts";

/** The absolute paths of files that differ from HEAD or are not in git yet. */
export async function changedFiles(): Promise<string[]> {
  const diff = await $`git diff --name-only HEAD`.cwd(ROOT).noThrow().quiet();
  if (diff.code !== 0) {
    throw new ScriptError("Cannot find out what has changed: git failed", {
      hint: "run it in a git checkout",
    });
  }
  const added = await $`git ls-files --others --exclude-standard`.cwd(ROOT)
    .text();
  return `${diff.stdout}\n${added}`.split("\n").filter(Boolean)
    .map((path) => join(ROOT, path));
}

/** The relative imports of a module, static and dynamic. */
export function importsOf(text: string): string[] {
  return [...text.matchAll(
    /(?:\bfrom\s*|\bimport\s*\(?\s*|new URL\(\s*)"(\.{1,2}\/[^"]+)"/g,
  )].map(([, specifier]) => specifier!);
}

/** Tells whether modules have changed, or import one that has. */
export class Touched {
  readonly #known = new Map<string, boolean>();

  constructor(
    changed: Iterable<string>,
    readonly read: (path: string) => string | null = readIfThere,
  ) {
    for (const path of changed) this.#known.set(path, true);
  }

  has(path: string): boolean {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    // A preliminary value, in case modules import each other in a circle.
    this.#known.set(path, false);
    const touched = importsOf(this.read(path) ?? "")
      .some((specifier) => this.has(join(dirname(path), specifier)));
    this.#known.set(path, touched);
    return touched;
  }
}
