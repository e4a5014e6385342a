/** container: argv to command, errors to words, status to exit. Only this file exits. */

import { dispatch } from "./cli/commands.ts";
import { ClosedReader, say, stackTraces } from "./cli/output.ts";
import { LibcError, syscall } from "./ffi/libc.ts";
import { ContainerError, EXIT } from "./spec/errors.ts";

function explainError(error: unknown): number {
  if (error instanceof ClosedReader) return 0;
  if (!(error instanceof Error)) {
    say(`container: ${error}`);
    return EXIT.failure;
  }
  const hint = "hint" in error && typeof error.hint === "string"
    ? error.hint
    : undefined;
  say(`container: ${error.message}${hint ? `. ${hint}` : ""}`);
  if (stackTraces.shown) say(error.stack ?? "");
  return error instanceof ContainerError ? error.status : EXIT.failure;
}

/** Ends at once: Deno's own exit takes its runtime apart first. */
function exit(status: number): never {
  try {
    syscall("exit_group", status);
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
  }
  Deno.exit(status);
}

if (import.meta.main) {
  let status: number;
  try {
    status = await dispatch(Deno.args);
  } catch (error) {
    status = explainError(error);
  }
  exit(status);
}
