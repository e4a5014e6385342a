/** The table of commands. */

import { UsageError } from "../spec/errors.ts";
import { childCommand } from "./child.ts";
import { closestString } from "./closest.ts";
import { type Command, commandHelp } from "./command.ts";
import { doctorCommand } from "./doctor.ts";
import { explainCommand } from "./explain.ts";
import { HelpRequested } from "./flags.ts";
import { print } from "./output.ts";
import { runCommand } from "./run.ts";

/** Kept equal to deno.json by a test. */
export const VERSION = "0.1.0";

const COMMANDS: readonly Command[] = [
  runCommand,
  explainCommand,
  doctorCommand,
  childCommand,
];

const shown = COMMANDS.filter(({ hidden }) => !hidden);

/** The help of the whole program. */
export function programHelp(): string {
  const width = Math.max(...shown.map(({ name }) => name.length)) + 2;
  return `container runs a command in a Linux container, and can say why it does what it does

Usage: container COMMAND [flags]

Commands:
${
    shown.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`).join(
      "\n",
    )
  }

Flags:
  -h, --help     Show this help; COMMAND --help shows a command's
      --version  Show the version

Examples:
  sudo container run /bin/sh
  container explain run /bin/sh
`;
}

/** Carries out a command line; the exit status. Errors are thrown. */
export async function dispatch(argv: readonly string[]): Promise<number> {
  const [word, ...rest] = argv;
  if (word === undefined || word === "--help" || word === "-h") {
    print(programHelp());
    return 0;
  }
  if (word === "--version") {
    print(`container version ${VERSION}`);
    return 0;
  }
  if (word === "help" && rest.length) {
    return await dispatch([rest[0]!, "--help"]);
  }
  if (word === "help") return await dispatch([]);
  const command = COMMANDS.find(({ name }) => name === word);
  if (!command) throw unknownCommand(word);
  try {
    return await command.execute(rest);
  } catch (error) {
    if (!(error instanceof HelpRequested)) throw error;
    print(commandHelp(command));
    return 0;
  }
}

function unknownCommand(word: string): UsageError {
  const names = shown.map(({ name }) => name);
  const near = closestString(word, names);
  return new UsageError(
    `Unknown command ${word}: the commands are ${names.join(", ")}`,
    near ? `Did you mean ${near}?` : "See container --help.",
  );
}
