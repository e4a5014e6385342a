/** The file that tells engines a process's number. Runs on the host. */

import { ContainerError } from "../../spec/errors.ts";

/** Written whole, and there before the command that writes it ends: engines read it then. */
export function writePidFile(path: string, pid: number): void {
  const draft = `${path}.${Deno.pid}`;
  try {
    Deno.writeTextFileSync(draft, String(pid));
    Deno.renameSync(draft, path);
  } catch (cause) {
    const reason = cause instanceof Error
      ? cause.message.replace(/ \(os error.*/s, "").toLowerCase()
      : String(cause);
    throw new ContainerError(`Cannot write the pid file ${path}: ${reason}`, {
      hint: "Name a file in a directory that is there: --pid-file FILE.",
      cause,
    });
  }
}
