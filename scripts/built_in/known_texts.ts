/**
 * The command lines that only print a text which is known at build time.
 *
 * @module
 */

import { commandHelp } from "../../cli/command.ts";
import { COMMANDS } from "../../cli/commands.ts";
import { HELP_WORDS } from "../../cli/flags.ts";
import { programHelp } from "../../cli/program.ts";
import { VERSION } from "../../cli/version.ts";
import type { KnownText } from "../../launch/known_texts.ts";

const HELP = [...HELP_WORDS];

/** All such texts. They come from the same functions as at run time. */
export async function knownTexts(): Promise<KnownText[]> {
  const shown = COMMANDS.filter(({ hidden }) => !hidden);
  return [
    {
      lines: [["--version"], ["-version"], ["-v"], ["version"]],
      text: `container version ${VERSION}\n`,
    },
    {
      lines: [[], ["help"], ...HELP.map((word) => [word])],
      text: programHelp(COMMANDS),
    },
    ...await Promise.all(shown.map(async ({ name, load }) => ({
      lines: [["help", name], ...HELP.map((word) => [name, word])],
      text: commandHelp(await load()),
    }))),
  ];
}
