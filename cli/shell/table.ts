/** The input of completion scripts and manual pages: all commands, loaded. */

import { type Command, type Entry, HELP, helpFlag } from "../command.ts";
import type { Flag } from "../flags.ts";
import { GLOBAL_FLAGS } from "../oci/global.ts";

/** All commands that are for users. */
export async function shownCommands(
  commands: readonly Entry[],
): Promise<Command[]> {
  const shown = commands.filter(({ hidden }) => !hidden);
  return await Promise.all(shown.map(({ load }) => load()));
}

/** The flags of a command, including --help. */
export const flagsOf = ({ flags }: Command): readonly Flag[] => [
  ...flags.filter(({ as }) => !as),
  helpFlag(flags),
];

/** The flags before a command, and those of the program itself. */
export const programFlags: readonly Flag[] = [
  ...GLOBAL_FLAGS,
  HELP,
  { name: "version", short: "v", help: "Show the version" },
];

/** Whether a command takes existing containers. */
export const takesContainers = ({ usage }: Command): boolean =>
  /\b(CONTAINER|ID)\b/.test(usage) && !/^\[flags\] ID$/.test(usage);

/** The kind of a flag's value, as far as a shell can complete it. */
export function valueKind(
  { value }: Flag,
): "file" | "directory" | "other" | null {
  if (value === undefined) return null;
  if (/\bDIR\b/.test(value)) return "directory";
  return /\b(FILE|PATH|SRC|HOST)\b/.test(value) ? "file" : "other";
}

/** The spellings of a flag: `--name` and `-n`. */
export const spellings = ({ name, short }: Flag): string[] => [
  `--${name}`,
  ...(short ? [`-${short}`] : []),
];
