/**
 * Checks descriptors that the caller of this program has passed. Runs on the
 * host, in the parent: the process the user started.
 */

import { O } from "../../ffi/fcntl.ts";
import { UsageError } from "../../spec/errors.ts";

/**
 * Refuses a descriptor that was not inherited. All descriptors that Deno opens
 * itself are close-on-exec; an inherited one is not.
 *
 * @param flag the flag that names the descriptor
 * @throws {UsageError} if the descriptor is not open, or not inherited
 */
export function requireInherited(flag: string, number: number): void {
  let info: string;
  try {
    info = Deno.readTextFileSync(`/proc/self/fdinfo/${number}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    info = "";
  }
  const flags = info.match(/^flags:\s*(\d+)/m)?.[1];
  if (flags && !(parseInt(flags, 8) & O.O_CLOEXEC)) return;
  throw new UsageError(
    `${flag}: descriptor ${number} is not open`,
    `Open it for the program, for example: container run ${flag} … ${number}>FILE.`,
  );
}
