/** `container wait`: waits until containers have ended. */

import { statusOfEnd } from "../../containers/daily/await_end.ts";
import { findContainer } from "../../containers/daily/names.ts";
import type { Command } from "../command.ts";
import { parseFlagsAndNames } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { print } from "../output.ts";
import { containersOf } from "./each.ts";
import { asksJson, FORMAT } from "./format.ts";

/** Waits, and prints the statuses. */
export const waitCommand: Command = {
  name: "wait",
  summary: "Wait until containers end, and print their exit statuses",
  usage: "[flags] CONTAINER…",
  flags: [FORMAT],
  examples: [["sudo container wait web", "prints its exit status, e.g. 0"]],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container wait");
    const { store } = globals();
    const json = asksJson(flags);
    const ids = containersOf(flags, "wait").map((word) =>
      findContainer(store, word)
    );
    const statuses = await Promise.all(ids.map((id) => statusOfEnd(store, id)));
    if (json) {
      print(JSON.stringify(
        ids.map((id, index) => ({ id, exitCode: statuses[index] })),
      ));
      return 0;
    }
    for (const status of statuses) print(String(status));
    return 0;
  },
};
