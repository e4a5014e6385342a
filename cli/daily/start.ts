/** `start` of what has stopped, and what a keeper becomes at an end. */

import { handleEnd, startAgain } from "../../containers/daily/restart.ts";
import type { Command } from "../command.ts";
import { parseFlagsAndNames } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { warn } from "../output.ts";
import { forEach } from "./each.ts";

/** Starts containers: those that have ended again, those of `create` at last. */
export const startEach = (
  words: readonly string[],
  quiet: boolean,
): Promise<number> =>
  forEach(words, async (store, id) => {
    if (store.peek(id)?.daily) return await startAgain(store, id);
    const { start } = await import("../../containers/oci/start.ts");
    await start(store, id, { warn, notify: Deno.env.get("NOTIFY_SOCKET") });
  }, { quiet });

/** Sees to a container that has ended: it goes, or starts again. Not for people. */
export const endedCommand: Command = {
  name: "ended",
  summary: "See to a container that has ended; started by its keeper",
  usage: "ID",
  flags: [],
  examples: [["container run -d --restart always sleep 1", "starts it"]],
  hidden: true,
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container ended");
    await handleEnd(globals().store, flags.rest[0] ?? "");
    return 0;
  },
};
