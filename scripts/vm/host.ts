/**
 * What virtual machines are made of on the host: its programs, with the
 * libraries that they need.
 *
 * @module
 */

import type { Entry } from "./entries.ts";

/** Runs a program; its standard output, or an error with what it said. */
export async function output(
  program: string,
  args: string[],
  cwd?: string,
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd,
  }).output();
  if (!success) {
    throw new Error(
      `Cannot ${program} ${args.join(" ")}: ${
        new TextDecoder().decode(stderr)
      }`,
    );
  }
  return new TextDecoder().decode(stdout);
}

/** Whether there is anything at a path. */
export const exists = (path: string): Promise<boolean> =>
  Deno.stat(path).then(() => true, () => false);

/** Files of the host under their own paths. */
export const asHere = (paths: readonly string[]): Entry[] =>
  paths.map((path) => ({ path, from: path }));

/** Programs of the host, by their paths in the guest, and what they are linked with. */
export async function withLibraries(
  programs: Readonly<Record<string, string>>,
): Promise<Entry[]> {
  const libraries = new Set<string>();
  for (const program of new Set(Object.values(programs))) {
    for (const library of await librariesOf(program)) libraries.add(library);
  }
  return [
    ...Object.entries(programs).map(([path, from]) => ({ path, from })),
    ...asHere([...libraries]),
  ];
}

async function librariesOf(program: string): Promise<string[]> {
  const libraries = await output("ldd", [program]);
  return [...libraries.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
}
