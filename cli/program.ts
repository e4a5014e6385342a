/** The help of the whole program, and the error for an unknown first word. */

import { UsageError } from "../spec/errors.ts";
import { closestStrings } from "../containers/run/closest.ts";
import { type Entry, HELP } from "./command.ts";
import { type Flag, flagHelp } from "./flags.ts";
import { adviceFor } from "./foreign/commands.ts";
import { adviceBefore } from "./foreign/other_flags.ts";
import { GLOBAL_FLAGS } from "./oci/global.ts";

const OWN: readonly Flag[] = [
  { ...HELP, help: "Show this help; COMMAND --help shows a command's help" },
  { name: "version", short: "v", help: "Show the version" },
];

const shown = (commands: readonly Entry[]) =>
  commands.filter(({ hidden }) => !hidden);

/** The help of the whole program. */
export function programHelp(commands: readonly Entry[]): string {
  const rows = shown(commands);
  const width = Math.max(...rows.map(({ name }) => name.length)) + 2;
  return `container runs a command in a Linux container, and can explain each step

Usage: container [flags] COMMAND …

Commands:
${
    rows.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`).join(
      "\n",
    )
  }

Flags before the command:
${flagHelp([...OWN, ...GLOBAL_FLAGS])}

Examples:
  sudo container run /bin/sh
  container explain run /bin/sh
`;
}

/**
 * The error for a first word that is no command, with what to do instead.
 */
export function unknownWord(
  word: string,
  commands: readonly Entry[],
): UsageError {
  const names = shown(commands).map(({ name }) => name);
  const flags = [...OWN, ...GLOBAL_FLAGS].map(({ name }) => `--${name}`);
  const isFlag = word.startsWith("-");
  return new UsageError(
    `Unknown ${isFlag ? "flag" : "command"} ${word || '""'}`,
    (isFlag ? adviceBefore(word) : adviceFor(word)) ??
      suggestion(word, isFlag ? flags : [...names, "--version"]),
  );
}

function suggestion(word: string, possible: readonly string[]): string {
  const typed = word.toLowerCase();
  const bare = typed.replace(/^-+/, "");
  const same = /^v$/i.test(bare)
    ? "--version"
    : possible.find((name) => name.replace(/^-+/, "") === bare);
  const near = same ? [same] : closestStrings(typed, possible);
  return near.length
    ? `Did you mean ${near.join(" or ")}? See container --help.`
    : "See container --help.";
}
