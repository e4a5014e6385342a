/** The type of a command: a row of the table that drives dispatch and help. */

import { type Flag, flagHelp } from "./flags.ts";

/** One command. */
export interface Command {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** The text after the name: `[flags] COMMAND [ARG…]`. */
  usage: string;
  flags: readonly Flag[];
  examples: readonly [line: string, what: string][];
  /** Not for users: left out of the help. */
  hidden?: true;
  /** Carries out the command and returns the exit status. Errors are thrown. */
  execute(argv: readonly string[]): number | Promise<number>;
}

/** The flag that every command has. */
export const HELP: Flag = { name: "help", short: "h", help: "Show this help" };

/** The flag for help next to a command's own flags, which may use its letter. */
export function helpFlag(flags: readonly Flag[]): Flag {
  const { short: _, ...long } = HELP;
  return flags.some(({ short }) => short === HELP.short) ? long : HELP;
}

/** The help text of a command. */
export function commandHelp(command: Command): string {
  const { name, summary, usage, flags, examples } = command;
  const width = Math.max(...examples.map(([line]) => line.length)) + 2;
  return [
    summary,
    "",
    `Usage: container ${name} ${usage}`,
    "",
    "Flags:",
    flagHelp([...flags, helpFlag(flags)]),
    "",
    "Examples:",
    ...examples.map(([line, what]) => `  ${line.padEnd(width)}${what}`),
    "",
  ].join("\n");
}

/**
 * A row of the table of commands. The command's module is loaded only when it
 * is called.
 */
export interface Entry {
  name: string;
  summary: string;
  hidden?: true;
  load(): Promise<Command>;
}
