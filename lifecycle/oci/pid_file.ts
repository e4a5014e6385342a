/** The file that tells engines a process's number. Runs on the host. */

/** Written whole, and there before the command that writes it ends: engines read it then. */
export function writePidFile(path: string, pid: number): void {
  const draft = `${path}.${Deno.pid}`;
  Deno.writeTextFileSync(draft, String(pid));
  Deno.renameSync(draft, path);
}
