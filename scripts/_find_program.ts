/**
 * Finds a program in PATH. dax is not used, because its search fails at the
 * first directory that cannot be read. After `su` from root, PATH contains such
 * directories.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";

/** The path of a program; undefined if there is none. */
export async function findProgram(
  name: string,
  path = Deno.env.get("PATH") ?? "",
): Promise<string | undefined> {
  for (const dir of path.split(":")) {
    const candidate = join(dir || ".", name);
    try {
      if ((await Deno.stat(candidate)).isFile) return candidate;
    } catch {
      // Try the next directory.
    }
  }
  return undefined;
}
