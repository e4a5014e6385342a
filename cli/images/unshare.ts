/** `container unshare`: a command in the user namespace of a user's store. */

import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { parseFlags } from "../flags.ts";
import { openStore } from "./open_store.ts";
import { storeMaps } from "../../containers/run/store_maps.ts";

/** Runs a command where the user may change all files of the store. */
export const unshareCommand: Command = {
  name: "unshare",
  summary: "Run a command in the user namespace of your images",
  usage: "[COMMAND [ARG…]]",
  flags: [],
  examples: [
    ["container unshare", "a shell that sees the owners as the images do"],
    ["container unshare rm -r ./data", "remove what a container has made"],
    ["container unshare cat /proc/self/uid_map", "which IDs are yours"],
  ],
  async execute(argv) {
    const { rest } = parseFlags(this.flags, argv, "container unshare");
    if (Deno.uid() === 0) {
      throw new UsageError(
        "container unshare is for users: you are root",
        "Run the command itself.",
      );
    }
    const command = rest.length ? rest : [Deno.env.get("SHELL") || "/bin/sh"];
    if (command[0] === "") {
      throw new UsageError("container unshare: the command is empty");
    }
    const maps = storeMaps(openStore().path, { removes: true });
    const { runInUserNamespace } = await import(
      "../../containers/run/user_namespace.ts"
    );
    return await runInUserNamespace(maps, command);
  },
};
