/**
 * The packages that only the tests of engines import. They are not in
 * deno.lock, so that nothing else downloads them.
 *
 * @module
 */
import { ROOT } from "../_files.ts";

const ROOM = "tests/engines";

/** Arguments of Deno for a program that imports the packages. */
export const LOCKED: readonly string[] = [`--lock=${ROOM}/deno.lock`];

/**
 * Downloads the packages: the tests have no network.
 *
 * @returns whether they are there
 */
export async function cachePackages(): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", "--frozen", ...LOCKED, `${ROOM}/_grpc.ts`],
    cwd: ROOT,
    stdin: "null",
  }).spawn().status;
  return success;
}
