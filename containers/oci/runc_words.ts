/** Error messages that engines expect from an OCI runtime. Pure. */

import { CommandError, EXIT } from "../../spec/errors.ts";

/** Causes of EACCES from execve(2); other causes have messages of their own. */
const REFUSED = /directory|not a regular file|not executable|permission denied/;

/**
 * An error of a command that cannot be executed, in the words that engines
 * expect.
 */
export function inRuncsWords(
  [command = ""]: readonly string[],
  error: unknown,
): unknown {
  if (!(error instanceof CommandError)) return error;
  const reason = error.status === EXIT.notFound
    ? command.includes("/")
      ? `stat ${command}: no such file or directory`
      : "executable file not found in $PATH"
    : REFUSED.test(error.message)
    ? "permission denied"
    : error.message.includes("(ETXTBSY)")
    ? "text file busy"
    : "exec format error";
  return new CommandError(
    `exec: ${JSON.stringify(command)}: ${reason}: ${error.message}`,
    { status: error.status, hint: error.hint, cause: error },
  );
}
