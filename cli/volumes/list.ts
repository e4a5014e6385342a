/** `container volume ls` and `container volume inspect`. */

import { type Volume, volumesOf } from "../../images/store/volumes.ts";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { INSPECT_FORMAT, printInspected, requireJson } from "../each_word.ts";
import { asksJson, FORMAT } from "../daily/format.ts";
import { table } from "../daily/table.ts";
import {
  type Flag,
  parseFlags,
  parseFlagsAndNames,
  takeNoWords,
} from "../flags.ts";
import { openStore } from "../images/open_store.ts";
import { print } from "../output.ts";
import { parseVolumeFilters, type VolumeKey } from "./filters.ts";
import { clearKilled } from "./names.ts";

const KEYS: readonly VolumeKey[] = ["name", "label", "dangling", "driver"];

const FLAGS: readonly Flag[] = [
  {
    name: "filter",
    short: "f",
    value: "KEY=VALUE",
    help: `${KEYS.map((key) => `${key}=`).join(", ")}; repeatable`,
  },
  FORMAT,
  { name: "quiet", short: "q", help: "Print only names" },
];

/** Lists volumes. */
export const volumeLsCommand: Command = {
  name: "volume ls",
  summary: "List volumes",
  usage: "[flags]",
  flags: FLAGS,
  examples: [
    ["sudo container volume ls", "all volumes"],
    ["sudo container volume ls -f dangling=true", "those that nobody uses"],
  ],
  async execute(argv) {
    const flags = parseFlags(FLAGS, argv, "container volume ls");
    takeNoWords(flags, "volume ls");
    const json = asksJson(flags);
    const { fits } = parseVolumeFilters(flags.all("filter"), KEYS);
    await clearKilled();
    const volumes = volumesOf(openStore()).filter(fits);
    if (flags.has("quiet")) volumes.forEach(({ name }) => print(name));
    else if (json) print(JSON.stringify(volumes.map(asObject)));
    else {
      print(table([
        ["DRIVER", "VOLUME NAME"],
        ...volumes.map(({ driver, name }) => [driver, name]),
      ]));
    }
    return 0;
  },
};

/** A volume as lists show it to programs. */
export const asObject = (
  { name, driver, labels, options, created, mountpoint, users, anonymous }:
    Volume,
) => ({
  name,
  driver,
  labels,
  options,
  created,
  mountpoint,
  anonymous: anonymous ?? false,
  containers: users.map(({ id }) => id),
});

/** Prints everything that is known of volumes. */
export const volumeInspectCommand: Command = {
  name: "volume inspect",
  summary: "Print details of volumes, as JSON",
  usage: "VOLUME…",
  flags: [INSPECT_FORMAT],
  examples: [
    ["sudo container volume inspect data", "an array, in docker's structure"],
  ],
  execute(argv) {
    const flags = parseFlagsAndNames(
      this.flags,
      argv,
      "container volume inspect",
    );
    requireJson(flags);
    const volumes = volumesOf(openStore());
    return printInspected(namesOf(flags.rest, "inspect"), (word) => {
      const volume = volumes.find(({ name }) => name === word);
      if (!volume) throw missingVolume(word);
      return asInspected(volume);
    });
  },
};

/** A volume in docker's structure. */
const asInspected = (
  { name, driver, labels, options, created, mountpoint }: Volume,
) => ({
  CreatedAt: created,
  Driver: driver,
  Labels: labels,
  Mountpoint: mountpoint,
  Name: name,
  Options: options,
  Scope: "local",
});

/**
 * The words of a command line that name volumes; there must be at least one.
 *
 * @throws {UsageError}
 */
export function namesOf(
  words: readonly string[],
  command: string,
): readonly string[] {
  if (words.length) return words;
  throw new UsageError(
    `container volume ${command} needs a volume`,
    "Give its name; `container volume ls` lists them.",
  );
}

/** The error for a volume that does not exist. */
export const missingVolume = (name: string): ContainerError =>
  new ContainerError(`There is no volume ${name}`, {
    hint: "container volume ls lists those that there are.",
  });
