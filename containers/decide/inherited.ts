/**
 * Checks descriptors that the caller of this program has passed. Only reads;
 * changes nothing. Runs on the host, in the process the user started.
 */

import { O } from "../../ffi/fcntl.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { UsageError } from "../../spec/errors.ts";
import type { World } from "../world/world.ts";

/**
 * Refuses a descriptor that was not inherited. All descriptors that Deno opens
 * itself are close-on-exec; an inherited one is not.
 *
 * @param flag the flag that names the descriptor
 * @throws {UsageError} if the descriptor is not open, or not inherited
 */
export function requireInherited(
  flag: string,
  number: number,
  world: World,
): void {
  const flags = infoOf(number, world).match(/^flags:\s*(\d+)/m)?.[1];
  if (flags && !(parseInt(flags, 8) & O.O_CLOEXEC)) return;
  throw new UsageError(
    `${flag}: descriptor ${number} is not open`,
    `Open it for the program, for example: container run ${flag} … ${number}>FILE.`,
  );
}

/** What proc_pid_fdinfo(5) shows; nothing if it is not open. */
function infoOf(number: number, world: World): string {
  try {
    return world.readText(`/proc/self/fdinfo/${number}`);
  } catch (error) {
    if (error instanceof SyscallError && error.code === "ENOENT") return "";
    throw error;
  }
}
