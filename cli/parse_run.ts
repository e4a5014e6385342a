/** Parses the flags of `run`, and gives advice on flags of other programs. */

import { UsageError } from "../spec/errors.ts";
import { type Flag, type Flags, parseFlags, UnknownFlag } from "./flags.ts";

/**
 * {@linkcode parseFlags} that knows the flags of docker and bubblewrap.
 *
 * @throws {UsageError} for an unknown flag
 */
export async function parseRunFlags(
  flags: readonly Flag[],
  argv: readonly string[],
  command: string,
): Promise<Flags> {
  try {
    return parseFlags(flags, argv, command);
  } catch (error) {
    if (!(error instanceof UnknownFlag)) throw error;
    const { nearestFlag } = await import("./foreign_flags.ts");
    const hint = nearestFlag(error.flag);
    throw hint ? new UsageError(error.message, hint) : error;
  }
}
