/**
 * The end of the program: prints errors and exits. Only this file exits. Runs
 * in the process the user started, and in PID 1 of a container.
 */

import { LibcError, syscall } from "../ffi/libc.ts";
import { ContainerError, EXIT } from "../spec/errors.ts";
import {
  ClosedReader,
  harmless,
  logError,
  Reported,
  say,
  stackTraces,
  typedWords,
} from "./output.ts";

/**
 * Carries out a command line and returns the exit status. Errors are printed
 * here.
 */
export async function outcomeOf(
  act: () => number | Promise<number>,
): Promise<number> {
  try {
    return await act();
  } catch (error) {
    return explainError(error);
  }
}

/** Deno's message for a full disk or an exceeded quota, with the path. */
const FULL =
  /^(No space left on device|Disk quota exceeded) \(os error \d+\)(?:: [a-z]+ '(.*?)')?/s;

/** The same error in this program's words; null for other errors. */
function fullDisk({ message }: Error): ContainerError | null {
  const [, reason, path = "a file"] = FULL.exec(message) ?? [];
  return reason === undefined ? null : new ContainerError(
    `Cannot write ${path}: ${reason.toLowerCase()}`,
    { hint: "Free some space, or choose another directory with --root." },
  );
}

/** The text with containers named as they were typed. */
const asTyped = (text: string) =>
  [...typedWords].reduce(
    (said, [id, word]) => said.replaceAll(id, word),
    text,
  );

function explainError(thrown: unknown): number {
  const error = thrown instanceof Error ? fullDisk(thrown) ?? thrown : thrown;
  if (error instanceof ClosedReader) return 0;
  if (error instanceof Reported) return error.status;
  if (!(error instanceof Error)) {
    say(`container: ${error}`);
    return EXIT.failure;
  }
  const hint = "hint" in error && typeof error.hint === "string"
    ? error.hint
    : undefined;
  const message = asTyped(`${error.message}${hint ? `. ${hint}` : ""}`);
  say(`container: ${harmless(message)}`);
  logError(message);
  if (stackTraces.shown) say(error.stack ?? "");
  return error instanceof ContainerError ? error.status : EXIT.failure;
}

/**
 * Exits at once. Deno's own exit would first shut down its runtime, which takes
 * time.
 */
export function exit(status: number): never {
  try {
    syscall("exit_group", status);
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
  }
  Deno.exit(status);
}
