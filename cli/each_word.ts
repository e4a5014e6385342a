/**
 * Several words of one command line: each is handled, and the errors of the
 * others do not stop it.
 */

import { ContainerError, EXIT, UsageError } from "../spec/errors.ts";
import type { Flag, Flags } from "./flags.ts";
import { logError, print, say } from "./output.ts";

/** Prints an error and its cure, and writes both to the caller's log. */
export function reportError({ message, hint }: ContainerError): void {
  const text = hint ? `${message}. ${hint}` : message;
  say(`container: ${text}`);
  logError(text);
}

/**
 * Carries out an action for each word, and reports errors.
 *
 * @param isFailure whether an error changes the status
 * @returns the exit status
 */
export function forEachWord(
  words: readonly string[],
  act: (word: string) => void,
  isFailure: (error: ContainerError) => boolean = () => true,
): number {
  let status = 0;
  for (const word of words) {
    try {
      act(word);
    } catch (error) {
      if (!(error instanceof ContainerError)) throw error;
      reportError(error);
      if (isFailure(error)) status = EXIT.failure;
    }
  }
  return status;
}

/** `--format` of the commands that inspect. */
export const INSPECT_FORMAT: Flag = {
  name: "format",
  short: "f",
  value: "FORMAT",
  help: "json (the only format)",
};

/** @throws {UsageError} for templates of Go, which docker and podman have */
export function requireJson(flags: Flags): void {
  const format = flags.last("format");
  if (format === undefined || format === "json") return;
  throw new UsageError(
    `--format ${format}: the only format is json`,
    "Select parts of it with jq(1).",
  );
}

/**
 * Prints what is found for each word as an array, then the first error.
 *
 * @param inspect may return null for what has gone meanwhile
 * @returns the exit status
 * @throws {ContainerError} the first error
 */
export function printInspected(
  words: readonly string[],
  inspect: (word: string) => unknown,
): number {
  const found: unknown[] = [];
  let failed: ContainerError | undefined;
  for (const word of words) {
    try {
      const one = inspect(word);
      if (one) found.push(one);
    } catch (error) {
      if (!(error instanceof ContainerError)) throw error;
      failed ??= error;
    }
  }
  print(JSON.stringify(found, null, 2));
  if (failed) throw failed;
  return 0;
}
