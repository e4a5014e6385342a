/**
 * Finding a program on PATH. Not by dax, whose search fails at the first
 * directory that may not be read: `su` from root leaves such in PATH.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";

/** The path of a program; undefined where there is none. */
export async function findProgram(
  name: string,
  path = Deno.env.get("PATH") ?? "",
): Promise<string | undefined> {
  for (const dir of path.split(":")) {
    const candidate = join(dir || ".", name);
    try {
      if ((await Deno.stat(candidate)).isFile) return candidate;
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}
