/** Provides the compiled program for the bench. */

// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";
import { Unavailable } from "./candidate.ts";
import { isExecutable } from "./process.ts";
import type { Workspace } from "./workspace.ts";

/**
 * A copy of the compiled program, made in the same way as the empty program.
 * How a file got into the page cache can change a start by two milliseconds.
 */
export async function copyOfProgram(
  { cache, repo }: Workspace,
): Promise<string> {
  const binary = join(repo, "container");
  if (!await isExecutable(binary)) {
    throw new Unavailable("there is no ./container (`deno task compile`)");
  }
  const copy = join(cache, "container");
  const made = await mtime(binary);
  if (await isExecutable(copy) && await mtime(copy) === made) return copy;
  await Deno.copyFile(binary, `${copy}.new`);
  using file = await Deno.open(`${copy}.new`);
  await file.sync();
  const { atime, mtime: time } = await Deno.stat(binary);
  await Deno.utime(`${copy}.new`, atime ?? new Date(), time ?? new Date());
  await Deno.rename(`${copy}.new`, copy);
  return copy;
}

/** The modification time of a file; 0 if it does not exist. */
export async function mtime(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).mtime?.getTime() ?? 0;
  } catch (error) {
    // A bare command name, which is found in PATH.
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
