/** What engines look for in the messages of an OCI runtime. Pure. */

import { CommandError, EXIT } from "../../spec/errors.ts";

/** What execve(2) answers EACCES for; the other reasons have words of their own. */
const REFUSED = /directory|not a regular file|not executable|permission denied/;

/** A command that cannot be executed, in the words that engines look for. */
export function asRunc(
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
