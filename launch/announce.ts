/**
 * Announces the command before it is started. Runs in the parent, on the host;
 * a step of the plan makes PID 1 do the same.
 */

import { toBytes } from "../ffi/text.ts";
import { writeAll } from "../ffi/fcntl.ts";
import { announcement } from "../plan/child.ts";

/** Writes the announcement to standard error, synchronously on this thread. */
export function announce(args: readonly string[], pid: number): void {
  try {
    writeAll(2, toBytes(announcement(args, pid)));
  } catch {
    // Nobody reads standard error, which is no reason not to run.
  }
}
