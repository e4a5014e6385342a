/** The id that a command on one container takes. */

import { UsageError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";

/**
 * The first word after the flags.
 *
 * @param more how many words may come after it
 */
export function idOf(flags: Flags, command: string, more = 0): string {
  const [id, ...rest] = flags.rest;
  if (id === undefined || rest.length > more) {
    throw new UsageError(
      id === undefined
        ? `container ${command} needs an id`
        : `container ${command} takes one id`,
      `See container ${command} --help.`,
    );
  }
  return id;
}
