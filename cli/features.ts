/**
 * `container features`: tells engines which features of the OCI runtime
 * specification exist.
 */

import type { Command } from "./command.ts";
import { VERSION } from "./version.ts";
import { parseFlags, takeNoWords } from "./flags.ts";
import { print } from "./output.ts";

/** Prints the features document of the runtime specification. */
export const featuresCommand: Command = {
  name: "features",
  summary: "Print which OCI runtime features are supported, as JSON",
  usage: "",
  flags: [],
  examples: [
    ["container features", "the document described in features.md"],
    ["container features | jq .mountOptions", "the supported mount options"],
  ],
  async execute(argv) {
    takeNoWords(parseFlags([], argv, "container features"), "features");
    const { features } = await import("../containers/oci/features.ts");
    print(JSON.stringify(features(VERSION), null, 2));
    return 0;
  },
};
