/**
 * `container fetch`: gets the image of a user's `run` ready, in the user's
 * namespace. Called by run only.
 */

import { WHEN } from "../../containers/decide/images/when.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlags } from "../flags.ts";
import { PASSED } from "./fetch_inside.ts";
import { imageOf } from "./image_of.ts";
import { oneImage } from "./open_store.ts";

const FLAGS: readonly Flag[] = [
  ...PASSED.map((name) => ({ name, value: "VALUE", help: "As for run" })),
  { name: "quiet", short: "q", help: "As for run" },
  { name: "place", help: "The word names a place, not a registry" },
  { name: "found", value: "FILE", help: "Is told which image it is" },
];

/** Gets an image ready; prints nothing on standard output. */
export const fetchCommand: Command = {
  name: "fetch",
  summary: "Get the image of run ready; called by run",
  usage: "[flags] IMAGE",
  flags: FLAGS,
  examples: [],
  hidden: true,
  async execute(argv) {
    const flags = parseFlags(FLAGS, argv, "container fetch");
    const word = oneImage(flags, "fetch");
    const text = flags.last("pull");
    const { image } = await imageOf(word, {
      when: WHEN.find((when) => when === text) ?? "missing",
      isPlace: flags.has("place"),
      explain: false,
      flags,
    });
    const file = flags.last("found");
    if (file !== undefined) await Deno.writeTextFile(file, image.blobs[0]!);
    return 0;
  },
};
