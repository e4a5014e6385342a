/** The file that tells engines a process's number. Runs on the host. */

import { ContainerError, systemReason } from "../../spec/errors.ts";

/** Written whole, and there before the command that writes it ends: engines read it then. */
export function writePidFile(path: string, pid: number): void {
  const draft = `${path}.${Deno.pid}`;
  const options = { createNew: true, mode: 0o644 };
  try {
    try {
      // Never through a link: others may write to the directory, as to /tmp.
      Deno.writeTextFileSync(draft, String(pid), options);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      // Of a command that was killed, or not of ours.
      Deno.removeSync(draft);
      Deno.writeTextFileSync(draft, String(pid), options);
    }
    Deno.renameSync(draft, path);
  } catch (cause) {
    const reason = systemReason(cause);
    throw new ContainerError(`Cannot write the pid file ${path}: ${reason}`, {
      hint: "Name a file in a directory that is there: --pid-file FILE.",
      cause,
    });
  }
}
