/** `container save`: writes images into an archive or a directory. */

import {
  isDirectoryFormat,
  SAVE_FORMATS,
  saveAt,
  type SavedImage,
  type SaveFormat,
  saveTo,
} from "../../images/save.ts";
import { asReference, repositoryOf } from "../../images/spec/reference.ts";
import type { ImageStore } from "../../images/store/store.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlagsAndNames } from "../flags.ts";
import { printBytes } from "../output.ts";
import { findImage, imagesOf, openStore } from "./open_store.ts";
import { Interruption } from "./registry_flags.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "output",
    short: "o",
    value: "PATH",
    help: "File or directory to write, instead of standard output",
  },
  {
    name: "format",
    value: "FORMAT",
    help: `${SAVE_FORMATS.join(", ")} (default: docker-archive)`,
  },
  {
    name: "multi-image-archive",
    short: "m",
    help: "Accepted: several images are always possible",
  },
  { name: "quiet", short: "q", help: "Accepted: nothing is printed" },
];

/** Writes images for other programs. */
export const saveCommand: Command = {
  name: "save",
  summary: "Write images into an archive or a directory",
  usage: "[flags] IMAGE…",
  flags: FLAGS,
  examples: [
    ["sudo container save -o app.tar app:1 db:2", "for docker and podman load"],
    ["sudo container save app:1 | ssh host docker load", "to another machine"],
    ["sudo container save --format oci-dir -o app app:1", "an OCI layout"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container save");
    const words = imagesOf(flags, "save");
    const format = formatOf(flags.last("format"));
    const output = flags.last("output") ?? "-";
    const isStream = output === "-" || output === "";
    if (isStream && isDirectoryFormat(format)) {
      throw new UsageError(
        `--format ${format} needs a directory`,
        "Name it with --output DIR.",
      );
    }
    if (isStream && Deno.stdout.isTerminal()) {
      throw new UsageError(
        "Cannot save images to a terminal",
        "Name a file with --output FILE, or redirect standard output.",
      );
    }
    const store = openStore();
    const saved = words.flatMap((word) => imagesFor(store, word));
    using interruption = new Interruption();
    const options = { store, signal: interruption.signal };
    try {
      if (isStream) await saveTo(printBytes, format, saved, options);
      else await saveAt(output, format, saved, options);
      return 0;
    } catch (error) {
      if (interruption.status !== null) return interruption.status;
      throw error;
    }
  },
};

function formatOf(text = "docker-archive"): SaveFormat {
  const format = SAVE_FORMATS.find((name) => name === text);
  if (format) return format;
  throw new UsageError(
    `--format ${text}: not one of ${SAVE_FORMATS.join(", ")}`,
    "Without --format it is docker-archive.",
  );
}

/**
 * The images that a word names. As with docker, the name of a repository names
 * all its tags, and an ID an image without names.
 */
function imagesFor(store: ImageStore, word: string): SavedImage[] {
  const reference = asReference(word);
  if (
    reference && reference.tag === undefined &&
    reference.digest === undefined
  ) {
    const whole = repositoryOf(reference);
    const tagged = store.images().flatMap((image) => {
      const own = asReference(image.name ?? "");
      return own?.tag !== undefined && repositoryOf(own) === whole
        ? [{ image, names: [own] }]
        : [];
    });
    if (tagged.length) return tagged;
  }
  const image = findImage(store, word);
  const own = asReference(image.name ?? "");
  const isNamed = own?.tag !== undefined && !isId(word, image.id);
  return [{ image, names: isNamed ? [own] : [] }];
}

const isId = (word: string, id: string) =>
  /^(sha256:)?[0-9a-f]+$/.test(word) &&
  id.startsWith(`sha256:${word.replace(/^sha256:/, "")}`);
