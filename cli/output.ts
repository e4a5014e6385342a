/**
 * Standard output and standard error. Both are written synchronously, on this
 * thread.
 */

import { errnoText } from "../ffi/errno.ts";
import { withBytesShown, withoutControls } from "../spec/controls.ts";
import { systemReason } from "../spec/errors.ts";

const encoder = new TextEncoder();

/**
 * Thrown if the reader has closed its end. That is no error, but it ends the
 * output.
 */
export class ClosedReader extends Error {
  override name = "ClosedReader";
}

/** Thrown if another process of this program has printed the error. */
export class Reported extends Error {
  override name = "Reported";
  constructor(readonly status: number) {
    super(`ended with status ${status}`);
  }
}

/**
 * The words of the command line by the generated IDs that they stand for. An
 * error names a container as it was typed.
 */
export const typedWords = new Map<string, string>();

/** Whether errors show stack traces; set by a command's --debug. */
export const stackTraces = { shown: false };

/**
 * The log of an OCI caller, which receives errors in addition to standard
 * error.
 */
export const log: { file?: string; json: boolean; debug: boolean } = {
  json: false,
  debug: false,
};

/**
 * The text without control characters that a terminal would interpret. Names in
 * a root filesystem, for example of a script's interpreter, can contain
 * anything.
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
    // The message itself still appears on standard error.
    say(
      `container: Cannot write to the log ${log.file}: ${
        systemReason(error)
      }. Choose another file with --log.`,
    );
  }
}

/**
 * Reports a problem that is ignored, on standard error and in the caller's log.
 */
export function warn(message: string): void {
  say(`container: warning: ${harmless(message)}`);
  logError(message, "warning");
}

/**
 * Reports something that is not a problem. If the caller has a log, only there:
 * standard error also belongs to the container.
 */
export function note(message: string, level: "warning" | "debug"): void {
  if (log.file === undefined) say(`container: ${level}: ${message}`);
  else logError(message, level);
}

/** Writes the result of a command. */
export function print(text: string): void {
  const whole = text.endsWith("\n") ? text : `${text}\n`;
  printBytes(encoder.encode(withBytesShown(whole)));
}

/** Writes bytes that are not text, or not this program's own text. */
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
 * Writes a message for the user to standard error. Quoted text cannot control
 * the terminal.
 */
export function say(line: string): void {
  try {
    Deno.stderr.writeSync(encoder.encode(`${harmless(line)}\n`));
  } catch {
    // Nobody reads it.
  }
}
