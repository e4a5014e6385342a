/**
 * The program as one text file, for where no standalone binary can be made: a
 * shell line that starts the Deno which built it, and the bundle below.
 *
 * @module
 */

/** The file's second line names it; a string and a comment to JavaScript. */
const QUOTE_END = "'\\''";

/**
 * A file that /bin/sh and Deno both read. An interpreter line alone takes one
 * argument, no space in the path and 127 or 255 bytes; Deno needs more: without
 * --no-config it would obey a deno.json that lies beside the file.
 *
 * @param bundle One JavaScript module with no imports.
 * @param deno The full path of the Deno that runs it.
 */
export function launcher(bundle: string, deno: string): string {
  // These four end a comment in JavaScript, and the first a line in a shell.
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
