/** `container commit`: a container's changes as a new image. */

import { configOf } from "../../../containers/daily/committed_config.ts";
import { layerOf } from "../../../containers/daily/changes.ts";
import { paused } from "../../../containers/daily/paused.ts";
import {
  addNewImage,
  creationTime,
  type Format,
  FORMATS,
} from "../../../images/new_image.ts";
import { applyInstructions } from "../../../images/spec/instructions.ts";
import { hostPlatform } from "../../../images/spec/platform.ts";
import { parseReference } from "../../../images/spec/reference.ts";
import { ImageStore } from "../../../images/store/store.ts";
import { UsageError } from "../../../spec/errors.ts";
import type { Command } from "../../command.ts";
import { type Flag, parseFlagsAndNames } from "../../flags.ts";
import { print, warn } from "../../output.ts";
import { containerFor, whereFilesAre } from "./stored_container.ts";
import { CHANGE, MESSAGE } from "../new_image_flags.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "author",
    short: "a",
    value: "NAME",
    help: 'The author, such as "Ada <ada@example.org>"',
  },
  CHANGE,
  {
    name: "format",
    short: "f",
    value: "FORMAT",
    help: "oci or docker (default: oci)",
  },
  MESSAGE,
  {
    name: "pause",
    short: "p",
    help: "Pause the container meanwhile (default); --pause=false does not",
  },
  { name: "quiet", short: "q", help: "Accepted: only the ID is printed" },
];

/** Makes an image of a container. */
export const commitCommand: Command = {
  name: "commit",
  summary: "Make an image of a container's changes",
  usage: "[flags] CONTAINER [IMAGE]",
  flags: FLAGS,
  examples: [
    ["sudo container commit web app:2", "prints the ID of the new image"],
    [
      `sudo container commit -c 'CMD ["httpd", "-f"]' -m "add httpd" web app:3`,
      "with changes to its configuration",
    ],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container commit");
    const [word, name, ...more] = flags.rest;
    if (word === undefined || more.length) {
      throw new UsageError(
        "container commit takes a container and the name of the image",
        "See container commit --help.",
      );
    }
    const format = formatOf(flags.last("format") ?? "oci");
    const reference = name === undefined ? undefined : parseReference(name);
    if (reference?.digest !== undefined) {
      throw new UsageError(
        `Cannot name the image ${name}: its digest is not known yet`,
        "Give a name with a tag.",
      );
    }
    // A wrong instruction is reported before anything is done.
    const changes = flags.all("change");
    applyInstructions({}, changes);
    const found = containerFor(word);
    const status = await whereFilesAre(found, ["commit", ...argv]);
    if (status !== null) return status;
    const { store, id, record } = found;
    const pauses = flags.last("pause") !== "false";
    using pause = pauses ? paused(store, id) : null;
    if (pause && !pause.isQuiet) {
      warn(
        `${word} is not paused: it has no cgroup of its own, so files that it changes now may be incomplete`,
      );
    }
    const { image, archive } = layerOf(record);
    const images = ImageStore.open(image.store);
    const [manifest = "", config = ""] = image.blobs;
    const made = configOf(record, images.path, config);
    applyInstructions(made, changes);
    const newId = await addNewImage({
      store: images,
      archive,
      base: { manifest, config },
      platform: hostPlatform(),
      config: made,
      createdBy: record.spec.process.args.join(" "),
      comment: flags.last("message"),
      author: flags.last("author"),
      created: creationTime(),
      format,
      name: reference,
    });
    print(newId);
    return 0;
  },
};

function formatOf(text: string): Format {
  const format = FORMATS.find((format) => format === text);
  if (format) return format;
  throw new UsageError(`--format ${text}: expected oci or docker`);
}
