/** Which descriptors whoever started us gave us. Runs on the host, in the parent. */

import { O } from "../../ffi/fcntl.ts";
import { UsageError } from "../../spec/errors.ts";

/**
 * Refuses a descriptor that was not given to us. Those that our runtime opens
 * for itself are all close-on-exec; one that came through an execve is not.
 *
 * @param flag the flag that names it
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
    `Open it for the program, as in: container run ${flag} … ${number}>FILE.`,
  );
}
