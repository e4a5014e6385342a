/**
 * Bundles helper programs of the tests. A test that starts such a program
 * hundreds of times would otherwise load some 200 modules each time.
 */

import { execute, REPOSITORY, TempDir } from "./_harness.ts";

/** The directories of the bundles, by program. */
const made = new Map<string, Promise<string>>();

/** Returns the words that start a program, by its path below this directory. */
export async function bundled(name: string): Promise<string[]> {
  const directory = made.get(name) ?? bundle(name);
  made.set(name, directory);
  return [
    Deno.execPath(),
    ...["run", "--allow-all", "--no-config", "--no-lock", "--cached-only"],
    "--quiet",
    `${await directory}/${nameOf(name)}.js`,
  ];
}

const nameOf = (path: string) => path.replace(/^.*\/|\.ts$/g, "");

/** Bundles a program into a directory that is removed when this process ends. */
async function bundle(name: string): Promise<string> {
  const { path } = new TempDir();
  globalThis.addEventListener(
    "unload",
    () => Deno.removeSync(path, { recursive: true }),
  );
  const { status, stderr } = await execute([
    Deno.execPath(),
    ...["bundle", "--quiet", "--platform=deno", "--code-splitting"],
    ...["--outdir", path, `${REPOSITORY}/tests/${name}`],
  ], { cwd: REPOSITORY });
  if (status !== 0) throw new Error(`Cannot bundle ${name}: ${stderr}`);
  return path;
}
