/** `container load`: takes images out of an archive or a directory. */

import type { AddedImage } from "../../images/add_offered.ts";
import { parsePlatform } from "../../images/spec/platform.ts";
import { asReference, familiarName } from "../../images/spec/reference.ts";
import { UNPACKER } from "../../images/unpacker.ts";
import { UsageError } from "../../spec/errors.ts";
import { parseSize } from "../../spec/resource_flags.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlags, takeNoWords } from "../flags.ts";
import { print } from "../output.ts";
import { openStore } from "./open_store.ts";
import { PROGRESS, ProgressView } from "./progress.ts";
import { Interruption } from "./registry_flags.ts";
import { inUserNamespace } from "./user_namespace.ts";
import { MOST_UNPACKED } from "./source.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "input",
    short: "i",
    value: "FILE",
    help: "Archive or directory to read, instead of standard input",
  },
  {
    name: "platform",
    value: "PLATFORM",
    help: "OS/ARCHITECTURE[/VARIANT] instead of this machine's",
  },
  { name: "quiet", short: "q", help: "Print only the names of the images" },
  PROGRESS,
  {
    name: "max-unpacked",
    value: "SIZE",
    help:
      `Refuse an archive or a layer that is larger unpacked (default: ${MOST_UNPACKED})`,
  },
];

/** Takes images out of an archive. */
export const loadCommand: Command = {
  name: "load",
  summary: "Load images from an archive or a directory",
  usage: "[flags]",
  flags: FLAGS,
  examples: [
    [
      "sudo container load -i images.tar",
      "of docker, podman, skopeo, buildkit",
    ],
    ["docker save app:1 | sudo container load", "from another program"],
    ["sudo container load -i layout/", "an OCI layout, or skopeo's dir"],
  ],
  async execute(argv) {
    const flags = parseFlags(FLAGS, argv, "container load");
    takeNoWords(flags, "load");
    const input = flags.last("input") ?? "-";
    const platform = flags.last("platform");
    const maxUnpacked = parseSize(
      "max-unpacked",
      flags.last("max-unpacked") ?? MOST_UNPACKED,
    );
    const wanted = platform === undefined
      ? {}
      : { platform: parsePlatform(platform) };
    if (input === "-" && Deno.stdin.isTerminal()) {
      throw new UsageError(
        "Cannot load images from a terminal",
        "Name the archive with --input FILE, or redirect standard input.",
      );
    }
    const status = await inUserNamespace(["load", ...argv]);
    if (status !== null) return status;
    using view = new ProgressView({
      moving: "Loading",
      done: "Loaded layer",
      here: "Already exists",
    }, flags);
    using interruption = new Interruption();
    const { signal } = interruption;
    const store = openStore();
    try {
      const { loadImages } = await import("../../images/load.ts");
      const added = await loadImages(
        input === "-" ? Deno.stdin.readable : input,
        {
          store,
          unpacker: UNPACKER,
          maxUnpacked,
          signal,
          onProgress: view.take,
          ...wanted,
        },
      );
      view.end();
      added.flatMap(linesOf).forEach(print);
      return 0;
    } catch (error) {
      if (interruption.status !== null) return interruption.status;
      throw error;
    }
  },
};

/** Docker's lines about an image. */
function linesOf({ names, id }: AddedImage): string[] {
  if (!names.length) return [`Loaded image ID: ${id}`];
  return names.map((name) => {
    const reference = asReference(name);
    return `Loaded image: ${reference ? familiarName(reference) : name}`;
  });
}
