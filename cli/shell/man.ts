/** `container man`: manual pages, generated from the table of commands. */

import { EXIT, UsageError } from "../../spec/errors.ts";
import { closestString } from "../../containers/run/closest.ts";
import type { Command, Entry } from "../command.ts";
import { VERSION } from "../version.ts";
import { type Flag, parseFlags } from "../flags.ts";
import { print } from "../output.ts";
import { coloured, columns } from "../terminal.ts";
import { pageText } from "./man_text.ts";
import { flagsOf, programFlags, shownCommands } from "./table.ts";

/**
 * Escapes text for roff, man(7): no line becomes a request, and hyphens stay
 * hyphens.
 */
export function roff(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-")
    .replace(
      /\P{ASCII}/gu,
      (character) =>
        `\\[u${
          character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")
        }]`,
    )
    .replace(/^([.'])/gm, "\\&$1");
}

/** An argument of a macro, quoted. */
const quoted = (text: string) => `"${roff(text).replaceAll('"', "\\(dq")}"`;

const sentence = (text: string) => /[.?!…)]$/.test(text) ? text : `${text}.`;

function flagLines(flags: readonly Flag[]): string[] {
  return flags.flatMap(({ name, short, value, help }) => [
    ".TP",
    `${short ? `\\fB\\-${short}\\fR, ` : ""}\\fB\\-\\-${roff(name)}\\fR${
      value ? ` \\fI${roff(value)}\\fR` : ""
    }`,
    roff(sentence(help)),
  ]);
}

const heading = (title: string) =>
  `.TH ${quoted(title.toUpperCase())} 1 "" ${
    quoted(`container ${VERSION}`)
  } "User Commands"`;

/** The page of a command, for example container-run(1). */
export function commandPage(command: Command): string {
  const { name, summary, usage, examples } = command;
  return [
    heading(`container-${name}`),
    ".SH NAME",
    `container\\-${roff(name)} \\- ${roff(summary)}`,
    ".SH SYNOPSIS",
    `.B container ${roff(name)}`,
    ...(usage ? [roff(usage)] : []),
    ".SH DESCRIPTION",
    roff(sentence(summary)),
    ".SH OPTIONS",
    ...flagLines(flagsOf(command)),
    ".SH EXAMPLES",
    ...examples.flatMap(([line, what]) => [
      ".TP",
      `.B ${quoted(line)}`,
      roff(what),
    ]),
    ...closing(["container(1)"]),
  ].join("\n");
}

/** The page of the program, container(1). */
export function programPage(commands: readonly Command[]): string {
  return [
    heading("container"),
    ".SH NAME",
    "container \\- run commands in Linux containers, and explain why",
    ".SH SYNOPSIS",
    ".B container",
    "[\\fIflags\\fR] \\fICOMMAND\\fR [\\fIargument\\fR ...]",
    ".SH DESCRIPTION",
    roff(
      "container runs a command in a Linux container. It can print each step, and why, before doing anything. It is also an OCI runtime: engines call it in the same way as runc.",
    ),
    ".SH COMMANDS",
    ...commands.flatMap(({ name, summary }) => [
      ".TP",
      `\\fBcontainer\\-${roff(name)}\\fR(1)`,
      roff(sentence(summary)),
    ]),
    ".SH OPTIONS",
    roff("These flags go before the command."),
    ...flagLines(programFlags),
    ...closing(commands.map(({ name }) => `container-${name}(1)`)),
  ].join("\n");
}

const STATUSES: readonly [status: string, meaning: string][] = [
  ["0", "Success; for run, the command's own status"],
  [String(EXIT.failure), "The command line is invalid, or the command failed"],
  [String(EXIT.notExecutable), "The container's command cannot be executed"],
  [String(EXIT.notFound), "The container's command was not found"],
  [`${EXIT.signalBase}+n`, "Signal n killed the container's command"],
];

function closing(pages: readonly string[]): string[] {
  return [
    ".SH EXIT STATUS",
    ...STATUSES.flatMap(([status, meaning]) => [
      ".TP",
      `.B ${roff(status)}`,
      roff(sentence(meaning)),
    ]),
    ".SH SEE ALSO",
    ...pages.map((page, at) => {
      const [name = ""] = page.split("(");
      return `.BR ${roff(name)} (1)${at < pages.length - 1 ? " ," : ""}`;
    }),
    "",
  ];
}

/** The widest readable line, even on a wider terminal. */
const MOST_COLUMNS = 100;
/** The width if the output is a file or a pipe. */
const USUAL_COLUMNS = 80;

const ROFF: Flag = {
  name: "roff",
  help: "Print the source of the page, which man(1) reads",
};

/**
 * Prints a manual page as text. Its source is printed only on request: in a pipe
 * too, there is usually a reader.
 */
export const manCommand = (commands: readonly Entry[]): Command => ({
  name: "man",
  summary: "Print the manual page of the program or of a command",
  usage: "[--roff] [COMMAND]",
  flags: [ROFF],
  examples: [
    ["container man run | less", "read it"],
    [
      "container man --roff >/usr/local/share/man/man1/container.1",
      "install it",
    ],
  ],
  async execute(argv) {
    const flags = parseFlags(this.flags, argv, "container man");
    const shown = await shownCommands(commands);
    const [word] = flags.rest;
    const show = (page: string) =>
      print(
        flags.has(ROFF.name) ? page : pageText(page, {
          width: Math.min(columns() ?? USUAL_COLUMNS, MOST_COLUMNS),
          bold: coloured(),
        }),
      );
    if (word === undefined) {
      show(programPage(shown));
      return 0;
    }
    const command = shown.find(({ name }) => name === word);
    if (!command) {
      const near = closestString(word, shown.map(({ name }) => name));
      throw new UsageError(
        `There is no command ${word}`,
        near ? `Did you mean ${near}?` : "See container --help.",
      );
    }
    show(commandPage(command));
    return 0;
  },
});
