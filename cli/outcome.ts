/** How the program ends: errors to words, and out. Only this file exits. */

import { LibcError, syscall } from "../ffi/libc.ts";
import { ContainerError, EXIT } from "../spec/errors.ts";
import {
  ClosedReader,
  harmless,
  logError,
  say,
  stackTraces,
} from "./output.ts";

/** Does what a command line asks for; the status to exit with. Errors are said here. */
export async function outcomeOf(
  act: () => number | Promise<number>,
): Promise<number> {
  try {
    return await act();
  } catch (error) {
    return explainError(error);
  }
}

function explainError(error: unknown): number {
  if (error instanceof ClosedReader) return 0;
  if (!(error instanceof Error)) {
    say(`container: ${error}`);
    return EXIT.failure;
  }
  const hint = "hint" in error && typeof error.hint === "string"
    ? error.hint
    : undefined;
  const message = `${error.message}${hint ? `. ${hint}` : ""}`;
  say(`container: ${harmless(message)}`);
  logError(message);
  if (stackTraces.shown) say(error.stack ?? "");
  return error instanceof ContainerError ? error.status : EXIT.failure;
}

/** Ends at once: Deno's own exit takes its runtime apart first. */
export function exit(status: number): never {
  try {
    syscall("exit_group", status);
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
  }
  Deno.exit(status);
}
