/** `container completion`: prints the completion script of a shell. */

import { UsageError } from "../../spec/errors.ts";
import type { Command, Entry } from "../command.ts";
import { parseFlags } from "../flags.ts";
import { print } from "../output.ts";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { shownCommands } from "./table.ts";
import { zshCompletion } from "./zsh.ts";

const SHELLS: Record<string, (commands: readonly Command[]) => string> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** Prints a shell's completion script. */
export const completionCommand = (commands: readonly Entry[]): Command => ({
  name: "completion",
  summary: "Print a completion script for bash, zsh or fish",
  usage: "bash|zsh|fish",
  flags: [],
  examples: [
    ["source <(container completion bash)", "for this shell"],
    [
      "container completion zsh >~/.zfunc/_container",
      "with ~/.zfunc in $fpath before compinit",
    ],
    [
      "container completion fish >~/.config/fish/completions/container.fish",
      "for every shell",
    ],
  ],
  async execute(argv) {
    const flags = parseFlags(this.flags, argv, "container completion");
    const [shell = "", ...more] = flags.rest;
    const write = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
    if (!write || more.length) {
      throw new UsageError(
        shell
          ? `There is no completion for ${flags.rest.join(" ")}`
          : "container completion needs a shell",
        "It is bash, zsh or fish.",
      );
    }
    print(write(await shownCommands(commands)));
    return 0;
  },
});
