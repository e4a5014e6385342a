/** `container export`: a container's root filesystem as a tar file. */

import { filesOf, kernelPlaces } from "../../../containers/daily/files.ts";
import { WholeFile } from "../../../images/copy/whole_file.ts";
import { packTree } from "../../../images/layers/pack_tree.ts";
import { fromText } from "../../../images/tar/byte_string.ts";
import type { Command } from "../../command.ts";
import { oneContainer } from "../../daily/each.ts";
import { parseFlagsAndNames } from "../../flags.ts";
import { printBytes } from "../../output.ts";
import {
  containerFor,
  refuseTerminal,
  whereFilesAre,
} from "./stored_container.ts";

/** Writes all files of a container. */
export const exportCommand: Command = {
  name: "export",
  summary: "Write a container's files as a tar file",
  usage: "[flags] CONTAINER",
  flags: [{
    name: "output",
    short: "o",
    value: "FILE",
    help: "The file to write (default: standard output)",
  }],
  examples: [
    ["sudo container export -o web.tar web", "without its mounts"],
    ["sudo container export web | tar -t", "list the files"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container export");
    const output = flags.last("output");
    const word = oneContainer(flags, "export");
    if (output === undefined) {
      refuseTerminal("export", "Name a file with --output, or use a pipe.");
    }
    const found = containerFor(word);
    const status = await whereFilesAre(found, ["export", ...argv]);
    if (status !== null) return status;
    const { store, id, record } = found;
    using files = filesOf(store, id, {
      action: "export",
      write: false,
      withoutMounts: true,
    });
    // A directory of the host may have something there.
    const kernels = new Set(
      kernelPlaces(record).map((path) => fromText(path.slice(1))),
    );
    const archive = packTree(`/proc/self/fd/${files.root.fd}/.`, {
      enters: (path) => !kernels.has(path),
    });
    if (output === undefined) { for (const part of archive) printBytes(part); }
    else {
      using file = new WholeFile(output);
      for (const part of archive) file.write(part);
      file.finish();
    }
    return 0;
  },
};
