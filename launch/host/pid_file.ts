/**
 * The file that tells engines the pid of a process. Runs on the host, in the
 * command's process.
 */

import type { Identity } from "../../plan/undo.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";

/**
 * Writes the file atomically, and returns its identity. It must exist before
 * the command ends, because engines read it then.
 *
 * @throws {ContainerError} if it cannot be written
 */
export function writePidFile(path: string, pid: number): Identity {
  const draft = `${path}.${Deno.pid}`;
  const options = { createNew: true, mode: 0o644 };
  try {
    try {
      // createNew does not follow a link. Others may write to the directory,
      // for example to /tmp.
      Deno.writeTextFileSync(draft, String(pid), options);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      // Left by a command that was killed, or created by another program.
      Deno.removeSync(draft);
      Deno.writeTextFileSync(draft, String(pid), options);
    }
    const { dev, ino } = Deno.statSync(draft);
    try {
      Deno.renameSync(draft, path);
    } catch (error) {
      Deno.removeSync(draft);
      throw error;
    }
    return { device: dev, inode: ino ?? 0 };
  } catch (cause) {
    const reason = systemReason(cause);
    throw new ContainerError(`Cannot write the PID file ${path}: ${reason}`, {
      hint: "Name a file in an existing directory with --pid-file FILE.",
      cause,
    });
  }
}
