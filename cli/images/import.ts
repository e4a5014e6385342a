/** `container import`: an image of one layer from a tar file. */

import { readAt } from "./import_source.ts";
import { addNewImage, creationTime } from "../../images/new_image.ts";
import type { RawConfig } from "../../images/spec/container_config.ts";
import { applyInstructions } from "../../images/spec/instructions.ts";
import { hostPlatform, parsePlatform } from "../../images/spec/platform.ts";
import { parseReference } from "../../images/spec/reference.ts";
import { UsageError } from "../../spec/errors.ts";
import { parseSize } from "../../spec/resource_flags.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlagsAndFiles } from "../flags.ts";
import { print } from "../output.ts";
import { CHANGE, MESSAGE } from "./new_image_flags.ts";
import { openStore } from "./open_store.ts";
import { MOST_UNPACKED } from "./source.ts";
import { inUserNamespace } from "./user_namespace.ts";

const FLAGS: readonly Flag[] = [
  CHANGE,
  MESSAGE,
  {
    name: "platform",
    value: "PLATFORM",
    help: "The platform of its programs (default: this machine's)",
  },
  {
    name: "max-unpacked",
    value: "SIZE",
    help: `The largest size without compression (default: ${MOST_UNPACKED})`,
  },
  { name: "quiet", short: "q", help: "Accepted: only the ID is printed" },
];

/** Makes an image of a tar file. */
export const importCommand: Command = {
  name: "import",
  summary: "Make an image of a root filesystem in a tar file",
  usage: "[flags] FILE|URL|- [IMAGE]",
  flags: FLAGS,
  examples: [
    ["sudo container import root.tar.gz base:1", "gzip, zstd or neither"],
    [
      "tar -C root -c . | sudo container import -c 'CMD [\"sh\"]' - base:2",
      "from standard input, with a command",
    ],
  ],
  async execute(argv) {
    const flags = parseFlagsAndFiles(FLAGS, argv, "container import");
    const [source, name, ...more] = flags.rest;
    if (source === undefined || source === "" || more.length) {
      throw new UsageError(
        "container import takes a file, a URL or -, and the name of the image",
        "See container import --help.",
      );
    }
    const reference = name === undefined ? undefined : parseReference(name);
    if (reference?.digest !== undefined) {
      throw new UsageError(
        `Cannot name the image ${name}: its digest is not known yet`,
        "Give a name with a tag.",
      );
    }
    const config: RawConfig = {};
    applyInstructions(config, flags.all("change"));
    const platform = flags.last("platform");
    const status = await inUserNamespace(["import", ...argv]);
    if (status !== null) return status;
    const id = await addNewImage({
      store: openStore(),
      archive: readAt(source),
      platform: platform === undefined
        ? hostPlatform()
        : parsePlatform(platform),
      config,
      comment: flags.last("message") ?? `Imported from ${source}`,
      created: creationTime(),
      format: "oci",
      name: reference,
      maxUnpacked: parseSize(
        "max-unpacked",
        flags.last("max-unpacked") ?? MOST_UNPACKED,
      ),
    });
    print(id);
    return 0;
  },
};
