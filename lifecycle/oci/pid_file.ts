/** The file that tells engines a process's number. Runs on the host. */

/** Written whole, and there before the command that writes it ends: engines read it then. */
export function writePidFile(path: string, pid: number): void {
  const draft = `${path}.${Deno.pid}`;
  const options = { createNew: true, mode: 0o644 };
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
}
