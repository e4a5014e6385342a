/** `container volume create`. */

import { createVolume, volumesOf } from "../../images/store/volumes.ts";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlagsAndNames } from "../flags.ts";
import { openStore } from "../images/open_store.ts";
import { print } from "../output.ts";
import { checkDriver, checkVolumeName, driverOptions } from "./volume_words.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "driver",
    short: "d",
    value: "NAME",
    help: "local, the only driver",
  },
  { name: "label", value: "K=V", help: "Set a label, to filter by" },
  {
    name: "opt",
    short: "o",
    value: "K=V",
    help: "Show a directory of the host: type=none, o=bind, device=DIR",
  },
];

/** Creates a volume. */
export const volumeCreateCommand: Command = {
  name: "volume create",
  summary: "Create a volume",
  usage: "[flags] [VOLUME]",
  flags: FLAGS,
  examples: [
    ["sudo container volume create data", "prints its name"],
    ["sudo container volume create --label tier=db", "with a random name"],
    [
      "sudo container volume create -o type=none -o o=bind -o device=/srv/x x",
      "a directory of the host, by a name",
    ],
  ],
  execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container volume create");
    const [word, ...more] = flags.rest;
    if (more.length) {
      throw new UsageError(
        "container volume create takes one name",
        "See container volume create --help.",
      );
    }
    checkDriver("--driver", flags.last("driver") ?? "local");
    const labels = Object.fromEntries(
      flags.all("label").map((text) => {
        const [key = "", value = ""] = text.split(/=(.*)/s);
        if (!key) throw new UsageError(`--label ${text}: expected K=V`);
        return [key, value];
      }),
    );
    const options = driverOptions("--opt", flags.all("opt"));
    const name = word === undefined ? randomName() : checkVolumeName(word);
    const store = openStore();
    createVolume(store, name, {
      driver: "local",
      labels,
      options,
      ...word === undefined ? { anonymous: true } : {},
      created: new Date().toISOString(),
    });
    const made = volumesOf(store).find((volume) => volume.name === name);
    if (Object.keys(options).length && !isSame(made?.options ?? {}, options)) {
      throw new ContainerError(
        `Cannot create the volume ${name}: it exists with other options`,
        {
          hint: `Choose another name, or see container volume inspect ${name}.`,
        },
      );
    }
    print(name);
    return 0;
  },
};

const isSame = (
  one: Readonly<Record<string, string>>,
  other: Readonly<Record<string, string>>,
) =>
  Object.keys(one).length === Object.keys(other).length &&
  Object.entries(one).every(([key, value]) => other[key] === value);

/** A name as long as docker's random ones. */
const randomName = () =>
  Array.from(
    crypto.getRandomValues(new Uint8Array(32)),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
