/**
 * Variables of the caller that are paths for Deno's own functions, which take
 * only text. Runs on the host, in the process that asks for a container.
 */

import { variable } from "../../ffi/environment.ts";
import { isText } from "../../ffi/text.ts";
import { UsageError } from "../../spec/errors.ts";

/**
 * The value of a variable; undefined if it is not set.
 *
 * @throws {UsageError} if it has a byte that is not UTF-8
 */
export function textVariable(name: string): string | undefined {
  const value = variable(name) ?? undefined;
  if (value === undefined || isText(value)) return value;
  throw new UsageError(
    `The variable ${name} is ${value}: it has a byte that is not UTF-8`,
    "Set it to a path in UTF-8, or remove it.",
  );
}
