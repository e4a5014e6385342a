/** `--format`: a table for people, or JSON for programs. */

import { UsageError } from "../../spec/errors.ts";
import type { Flag, Flags } from "../flags.ts";

/** The flag `--format`. */
export const FORMAT: Flag = {
  name: "format",
  value: "FORMAT",
  help: "table or json",
};

/** The flag for commands that print each container they have handled. */
export const QUIET: Flag = {
  name: "quiet",
  short: "q",
  help: "Print only errors",
};

/** Whether the flags request JSON. */
export const asksJson = (flags: Flags): boolean => isJson(flags.last("format"));

/**
 * Whether a value of `--format` requests JSON.
 *
 * @throws {UsageError} for an unknown format
 */
export function isJson(format = "table"): boolean {
  if (format === "json") return true;
  if (format === "table") return false;
  throw new UsageError(
    `Invalid --format ${format}`,
    "Use table or json.",
  );
}
