/** What completion and man pages are made of: every command, read whole. */

import { type Command, type Entry, HELP } from "../command.ts";
import type { Flag } from "../flags.ts";
import { GLOBAL_FLAGS } from "../oci/global.ts";

/** Every command that people call. */
export async function shownCommands(
  commands: readonly Entry[],
): Promise<Command[]> {
  const shown = commands.filter(({ hidden }) => !hidden);
  return await Promise.all(shown.map(({ load }) => load()));
}

/** A command's flags, with the one that each has. */
export const flagsOf = ({ flags }: Command): readonly Flag[] => [
  ...flags,
  HELP,
];

/** The flags before a command, and those of the program alone. */
export const programFlags: readonly Flag[] = [
  ...GLOBAL_FLAGS,
  HELP,
  { name: "version", short: "v", help: "Show the version" },
];

/** Whether a command takes containers that there are. */
export const takesContainers = ({ usage }: Command): boolean =>
  /\b(CONTAINER|ID)\b/.test(usage) && !/^\[flags\] ID$/.test(usage);

/** What a flag's value is, as far as a shell can know. */
export function valueKind(
  { value }: Flag,
): "file" | "directory" | "other" | null {
  if (value === undefined) return null;
  if (/\bDIR\b/.test(value)) return "directory";
  return /\b(FILE|PATH|SRC|HOST)\b/.test(value) ? "file" : "other";
}

/** `--name` and `-n`. */
export const spellings = ({ name, short }: Flag): string[] => [
  `--${name}`,
  ...(short ? [`-${short}`] : []),
];
