/** `--format`, which programs give: a table for people, or JSON. */

import { UsageError } from "../../spec/errors.ts";
import type { Flag, Flags } from "../flags.ts";

/** The flag. */
export const FORMAT: Flag = {
  name: "format",
  value: "FORMAT",
  help: "table or json",
};

/** For what names each container that it was done with. */
export const QUIET: Flag = {
  name: "quiet",
  short: "q",
  help: "Print nothing of what went well",
};

/** Whether JSON is asked for. */
export const asksJson = (flags: Flags): boolean => isJson(flags.last("format"));

/** The same of the word alone. */
export function isJson(format = "table"): boolean {
  if (format === "json") return true;
  if (format === "table") return false;
  throw new UsageError(
    `Invalid --format ${format}`,
    "It is table or json.",
  );
}
