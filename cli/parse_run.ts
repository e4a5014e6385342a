/** Parses the flags of `run`, and gives advice on flags of other programs. */

import { UsageError } from "../spec/errors.ts";
import { type Flag, Flags, parseFlags, UnknownFlag } from "./flags.ts";

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
    return await inOwnWords(parseFlags(flags, argv, command));
  } catch (error) {
    if (!(error instanceof UnknownFlag)) throw error;
    const { nearestFlag } = await import("./foreign/run_flags.ts");
    const hint = nearestFlag(error.flag);
    throw hint ? new UsageError(error.message, hint) : error;
  }
}

/** The same flags without those that are docker's names for others. */
async function inOwnWords(flags: Flags): Promise<Flags> {
  const options = flags.all("security-opt");
  const entrypoint = flags.last("entrypoint");
  if (!options.length && entrypoint === undefined) return flags;
  const { securityOption } = await import("./security_opt.ts");
  return new Flags(
    flags.given.flatMap(([name, value]) => {
      const flag = name === "security-opt"
        ? securityOption(value)
        : [name, value] as [string, string];
      return flag ? [flag] : [];
    }),
    [...entrypoint ? entrypointWords(entrypoint) : [], ...flags.rest],
  );
}

/** One word, or as podman allows, several as JSON. */
export function entrypointWords(text: string): string[] {
  if (!text.startsWith("[")) return [text];
  try {
    const words: unknown = JSON.parse(text);
    if (
      Array.isArray(words) && words.every((word) => typeof word === "string")
    ) return words;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new UsageError(
    `--entrypoint ${text}: not a JSON array of strings`,
    `Use one word, or JSON: --entrypoint '["sh", "-c"]'.`,
  );
}
