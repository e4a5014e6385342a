/** Standard output and error. Both are written at once, on this thread. */

import { errnoText } from "../ffi/errno.ts";
import { withoutControls } from "../spec/controls.ts";
import { systemReason } from "../spec/errors.ts";

const encoder = new TextEncoder();

/** A reader that closed its end has seen enough: no error, and no more output. */
export class ClosedReader extends Error {
  override name = "ClosedReader";
}

/** Whether an error shows its stack trace; a command's --debug says so. */
export const stackTraces = { shown: false };

/** Where an OCI caller wants errors beside standard error. */
export const log: { file?: string; json: boolean; debug: boolean } = {
  json: false,
  debug: false,
};

/**
 * Lines without what a terminal would obey: names of a root filesystem, as of a
 * script's interpreter, are whoever's who made it.
 */
export const harmless = (text: string) =>
  text.split("\n").map(withoutControls).join("\n");

/** Writes to the caller's log. */
export function logError(
  message: string,
  level: "error" | "warning" | "debug" = "error",
): void {
  if (log.file === undefined) return;
  const time = new Date().toISOString();
  const msg = harmless(message);
  const line = log.json
    ? JSON.stringify({ level, msg, time })
    : `time="${time}" level=${level} msg=${JSON.stringify(msg)}`;
  try {
    Deno.writeTextFileSync(log.file, `${line}\n`, { append: true });
  } catch (error) {
    // What it was about is said on standard error all the same.
    say(
      `container: Cannot write to the log ${log.file}: ${
        systemReason(error)
      }. Name another file with --log.`,
    );
  }
}

/** Tells of what went wrong and was passed over, the caller's log too. */
export function warn(message: string): void {
  say(`container: warning: ${harmless(message)}`);
  logError(message, "warning");
}

/**
 * Tells of what is not wrong. Where the caller has a log it is for that alone:
 * standard error is the container's, too.
 */
export function note(message: string, level: "warning" | "debug"): void {
  if (log.file === undefined) say(`container: ${level}: ${message}`);
  else logError(message, level);
}

/** Writes what the command is for. */
export function print(text: string): void {
  printBytes(encoder.encode(text.endsWith("\n") ? text : `${text}\n`));
}

/** Writes what is no text, or not ours. */
export function printBytes(
  bytes: Uint8Array,
  to: "stdout" | "stderr" = "stdout",
): void {
  try {
    for (let rest = bytes; rest.length;) {
      rest = rest.subarray(Deno[to].writeSync(rest));
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new ClosedReader();
    if (error instanceof Error && /os error 28/.test(error.message)) {
      throw new Error(
        `Cannot write to standard output: ${errnoText("ENOSPC")}`,
      );
    }
    throw error;
  }
}

/**
 * Writes a line for the user, beside what the command is for. What it quotes of
 * others can do nothing to a terminal.
 */
export function say(line: string): void {
  try {
    Deno.stderr.writeSync(encoder.encode(`${harmless(line)}\n`));
  } catch {
    // Nobody reads it.
  }
}
