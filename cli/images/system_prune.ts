/** `container system prune`: removes what nobody uses. */

import { prune } from "../../containers/daily/prune.ts";
import type { View } from "../../containers/daily/view.ts";
import { diskUsage } from "../../images/store/disk_usage.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { confirms } from "../confirm.ts";
import { asksJson, FORMAT } from "../daily/format.ts";
import { size } from "../daily/table.ts";
import { moment } from "../daily/times.ts";
import { type Flag, type Flags, parseFlags, takeNoWords } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { print } from "../output.ts";
import { parseVolumeFilters } from "../volumes/filters.ts";
import { clearKilled } from "../volumes/names.ts";
import { pruneVolumes } from "../volumes/remove.ts";
import { parseFilters } from "./filters.ts";
import { openStore } from "./open_store.ts";
import { prunedLines, pruneImages } from "./rmi.ts";
import { inUserNamespace } from "./user_namespace.ts";

const KEYS = ["label", "label!", "until"] as const;

const FLAGS: readonly Flag[] = [
  {
    name: "all",
    short: "a",
    help: "Also remove images with names, if no container uses them",
  },
  { name: "volumes", help: "Also remove anonymous volumes" },
  { name: "force", short: "f", help: "Do not ask" },
  {
    name: "filter",
    value: "KEY=VALUE",
    help: `${KEYS.map((key) => `${key}=`).join(", ")}; repeatable`,
  },
  FORMAT,
];

/** Removes stopped containers, images without a name, and unused volumes. */
export const systemPruneCommand: Command = {
  name: "system prune",
  summary: "Remove stopped containers, unused images and volumes",
  usage: "[flags]",
  flags: FLAGS,
  examples: [
    ["sudo container system prune", "asks before"],
    ["sudo container system prune -a --volumes -f", "all that nobody uses"],
    ["sudo container system prune --filter until=24h", "what is older"],
  ],
  async execute(argv) {
    const flags = parseFlags(FLAGS, argv, "container system prune");
    takeNoWords(flags, "system prune");
    const filters = flags.all("filter");
    const fits = parseFilters(filters, KEYS, () => {
      throw new UsageError("--filter: no image is compared");
    });
    const containerFits = containerFilter(filters);
    if (flags.has("volumes") && filters.some((word) => /^until=/.test(word))) {
      throw new UsageError(
        "--filter until= cannot be used with --volumes",
        "Remove the volumes with container volume prune.",
      );
    }
    if (!asksJson(flags) && !flags.has("force") && !confirms(warning(flags))) {
      return 0;
    }
    await clearKilled();
    const before = diskUsage(openStore().path);
    const containers = await prune(globals().store, containerFits);
    // The user has agreed already.
    const inside = await inUserNamespace(
      ["system", "prune", ...argv, "--force"],
      { removes: true },
    );
    if (inside !== null) return inside;
    const store = openStore();
    const volumes = flags.has("volumes")
      ? pruneVolumes(
        store,
        (volume) => parseVolumeFilters(filters, KEYS_OF_VOLUMES).fits(volume),
        { all: false },
      ).names
      : [];
    const images = pruneImages(store, fits, { all: flags.has("all") });
    const bytes = Math.max(0, before - diskUsage(store.path));
    if (asksJson(flags)) {
      const ids = [...new Set(images.gone.map(({ id }) => id))];
      print(JSON.stringify({ containers, volumes, images: ids, bytes }));
      return 0;
    }
    printPart("Deleted Containers:", containers);
    printPart("Deleted Volumes:", volumes);
    printPart("Deleted Images:", prunedLines(images));
    print(`Total reclaimed space: ${size(bytes)}`);
    return 0;
  },
};

const KEYS_OF_VOLUMES = ["label", "label!"] as const;

function printPart(title: string, lines: readonly string[]): void {
  if (lines.length) print(`${title}\n${lines.join("\n")}\n\n`);
}

/** What is removed, in docker's words. */
const warning = (flags: Flags): string =>
  [
    "WARNING! This will remove:",
    "  - all stopped containers",
    ...flags.has("volumes")
      ? ["  - all anonymous volumes not used by at least one container"]
      : [],
    flags.has("all")
      ? "  - all images without at least one container associated to them"
      : "  - all dangling images",
    ...flags.all("filter").length
      ? [
        "",
        "  Items to be pruned will be filtered with:",
        ...flags.all("filter").map((word) => `  - ${word}`),
      ]
      : [],
    "",
  ].join("\n");

/** Whether a container fits the filters, which the images have checked. */
function containerFilter(words: readonly string[]): (view: View) => boolean {
  const hasLabel = ({ record: { daily } }: View, wanted: string) => {
    const [key = "", value] = wanted.split(/=(.*)/s);
    const found = daily?.labels[key];
    return found !== undefined && (value === undefined || found === value);
  };
  const filters = words.map((word): (view: View) => boolean => {
    const [, key = "", value = ""] = word.match(/^([^=]*?!?)=(.*)$/s) ?? [];
    if (key === "until") {
      const time = Date.parse(moment("filter until", value));
      return ({ record }) => Date.parse(record.created) < time;
    }
    return (view) => hasLabel(view, value) === (key === "label");
  });
  return (view) => filters.every((fits) => fits(view));
}
