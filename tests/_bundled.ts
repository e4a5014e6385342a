/**
 * Programs of the tests, bundled: a test that starts one hundreds of times does
 * not load two hundred modules each time.
 */

import { execute, REPOSITORY, TempDir } from "./_harness.ts";

const made = new Map<string, Promise<string>>();

/** The words that start a program which stands beside the tests. */
export async function bundled(name: string): Promise<string[]> {
  const directory = made.get(name) ?? bundle(name);
  made.set(name, directory);
  return [
    Deno.execPath(),
    ...["run", "--allow-all", "--no-config", "--no-lock", "--cached-only"],
    "--quiet",
    `${await directory}/${name.replace(/\.ts$/, ".js")}`,
  ];
}

/** Bundles a program in a directory that is there until this process ends. */
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
