/** Commands whose first word is one of other commands: `container image ls`. */

import { UsageError } from "../spec/errors.ts";
import { closestStrings } from "../containers/run/closest.ts";
import { type Command, commandHelp } from "./command.ts";
import { HELP_WORDS, HelpRequested } from "./flags.ts";
import { print } from "./output.ts";

/** Loads a member of a group. */
export type Load = () => Promise<Command>;

/** A command whose first word is one of other commands. */
export function group(
  command: Omit<Command, "execute" | "flags">,
  members: Readonly<Record<string, Load>>,
): Command {
  const { name } = command;
  const words = Object.keys(members);
  return {
    ...command,
    flags: [],
    async execute([word, ...rest]) {
      if (word === undefined || HELP_WORDS.has(word) || word === "help") {
        throw new HelpRequested();
      }
      if (!Object.hasOwn(members, word)) {
        const [near] = closestStrings(word, words);
        throw new UsageError(
          `Unknown command ${name} ${word || '""'}`,
          near
            ? `Did you mean container ${name} ${near}?`
            : `See container ${name} --help.`,
        );
      }
      const member = await members[word]!();
      try {
        return await member.execute(rest);
      } catch (error) {
        if (!(error instanceof HelpRequested)) throw error;
        print(commandHelp(member));
        return 0;
      }
    },
  };
}
