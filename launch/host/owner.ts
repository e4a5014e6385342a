/**
 * Which process an entry on disk belongs to. A PID can be used again; together
 * with the start time and the boot it cannot. Runs on the host; only reads.
 */

import { once } from "../../plan/once.ts";
import type { Owner } from "../../plan/undo.ts";

/**
 * The start time of a process in ticks since boot; null if it does not exist.
 */
export function startTime(pid: number): string | null {
  const stat = readFile(`/proc/${pid}/stat`);
  // The second field is a name in parentheses, which may contain parentheses
  // and spaces.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

/** The id of the current boot, proc_sys_kernel(5). */
export const bootId: () => string | undefined = once(() =>
  readFile("/proc/sys/kernel/random/boot_id")?.trim()
);

/** This process. */
export const thisProcess: () => Owner = once(() => ({
  pid: Deno.pid,
  startTime: startTime(Deno.pid) ?? "",
  boot: bootId() ?? "",
}));

/** The text of a file of /proc; null if the process is gone. */
function readFile(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      // ESRCH: it has ended while the file was open.
      error instanceof Error && /os error 3\)/.test(error.message)
    ) return null;
    throw error;
  }
}
