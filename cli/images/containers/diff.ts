/** `container diff`: what a container has changed in its image. */

import { changesIn } from "../../../containers/daily/changes.ts";
import { shown } from "../../../images/tar/byte_string.ts";
import type { Command } from "../../command.ts";
import { oneContainer } from "../../daily/each.ts";
import { asksJson, FORMAT } from "../../daily/format.ts";
import { parseFlagsAndNames } from "../../flags.ts";
import { print } from "../../output.ts";
import { withoutControls } from "../../../spec/controls.ts";
import { containerFor, whereFilesAre } from "./stored_container.ts";

/** Lists what a container has changed. */
export const diffCommand: Command = {
  name: "diff",
  summary: "List the files that a container has changed in its image",
  usage: "[flags] CONTAINER",
  flags: [FORMAT],
  examples: [["sudo container diff web", "A added, C changed, D deleted"]],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container diff");
    const json = asksJson(flags);
    const found = containerFor(oneContainer(flags, "diff"));
    const status = await whereFilesAre(found, ["diff", ...argv]);
    if (status !== null) return status;
    const changes = changesIn(found.record).map(({ kind, path }) => ({
      kind,
      path: shown(path),
    }));
    if (json) {
      // As podman has them.
      const of = (wanted: string) =>
        changes.filter(({ kind }) => kind === wanted).map(({ path }) => path);
      const lists = { changed: of("C"), added: of("A"), deleted: of("D") };
      print(JSON.stringify(lists));
    } else {
      for (const { kind, path } of changes) {
        print(`${kind} ${withoutControls(path)}`);
      }
    }
    return 0;
  },
};
