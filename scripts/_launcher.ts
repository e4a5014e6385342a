/**
 * The program as one text file, for machines where no standalone binary can be
 * built: a shell line that starts the Deno which built it, followed by the
 * bundle.
 *
 * @module
 */

/**
 * Ends and reopens a quoted string of the shell. In JavaScript it is inside a
 * comment.
 */
const QUOTE_END = "'\\''";

/**
 * A file that both /bin/sh and Deno can read. An interpreter line alone is not
 * enough: it takes only one argument, no space in the path, and 127 or 255
 * bytes. Deno needs more arguments: without --no-config it would use a
 * deno.json in the same directory.
 *
 * @param bundle One JavaScript module without imports.
 * @param deno The full path of the Deno that runs it.
 */
export function launcher(bundle: string, deno: string): string {
  // These four characters end a comment in JavaScript; the first one also ends
  // a line in the shell.
  if (!deno.startsWith("/") || /[\n\r\u2028\u2029]/.test(deno)) {
    throw new Error(`Cannot start ${JSON.stringify(deno)} from a script`);
  }
  const quoted = `'${deno.replaceAll("'", QUOTE_END)}'`;
  const run = [
    "run",
    "--allow-all",
    "--no-config",
    "--no-lock",
    "--no-npm",
    "--no-remote",
    "--quiet",
  ].join(" ");
  return `#!/bin/sh
':' //; [ -x ${quoted} ] || { printf 'container: Cannot run the Deno that built this file: %s. Build it again with "deno task compile"\\n' ${quoted} >&2; exit 125; }
':' //; export DENO_NO_UPDATE_CHECK=1; exec ${quoted} ${run} "$0" "$@"
;${bundle}`;
}
