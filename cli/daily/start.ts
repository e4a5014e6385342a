/**
 * `container start` for several containers, and `container ended`, which a
 * keeper executes after an end.
 */

import { textVariable } from "../../containers/world/text_variable.ts";
import { handleEnd, startAgain } from "../../containers/daily/restart.ts";
import type { Command } from "../command.ts";
import { parseFlagsAndNames } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { warn } from "../output.ts";
import { forEach } from "./each.ts";

/** Starts containers: those that have ended, and those of `create`. */
export const startEach = (
  words: readonly string[],
  quiet: boolean,
): Promise<number> =>
  forEach(words, async (store, id) => {
    if (store.peek(id)?.daily) return await startAgain(store, id);
    const { start } = await import("../../containers/oci/start.ts");
    await start(store, id, { warn, notify: textVariable("NOTIFY_SOCKET") });
  }, { quiet });

/**
 * Handles the end of a container: removes it or starts it again. Not for users.
 */
export const endedCommand: Command = {
  name: "ended",
  summary: "Restart or remove a container that has ended; called by its keeper",
  usage: "ID",
  flags: [],
  examples: [["container run -d --restart always sleep 1", "calls it"]],
  hidden: true,
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container ended");
    await handleEnd(globals().store, flags.rest[0] ?? "");
    return 0;
  },
};
