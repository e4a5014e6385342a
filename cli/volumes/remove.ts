/** `container volume rm` and `container volume prune`. */

import type { ImageStore } from "../../images/store/store.ts";
import {
  removeVolume,
  sweepVolumes,
  type Volume,
  volumesOf,
} from "../../images/store/volumes.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { confirms } from "../confirm.ts";
import { forEachWord } from "../each_word.ts";
import { asksJson, FORMAT } from "../daily/format.ts";
import { size } from "../daily/table.ts";
import {
  type Flag,
  parseFlags,
  parseFlagsAndNames,
  takeNoWords,
} from "../flags.ts";
import { openStore } from "../images/open_store.ts";
import { inUserNamespace } from "../images/user_namespace.ts";
import { print } from "../output.ts";
import { parseVolumeFilters, type VolumeKey } from "./filters.ts";
import { missingVolume, namesOf } from "./list.ts";
import { clearKilled, shownUsers } from "./names.ts";

const FLAGS: readonly Flag[] = [
  { name: "force", short: "f", help: "A missing volume is no error" },
];

/** Removes volumes. */
export const volumeRmCommand: Command = {
  name: "volume rm",
  summary: "Remove volumes, with everything in them",
  usage: "[flags] VOLUME…",
  flags: FLAGS,
  examples: [["sudo container volume rm data", "if no container uses it"]],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container volume rm");
    const names = namesOf(flags.rest, "rm");
    await clearKilled();
    const inside = await inUserNamespace(["volume", "rm", ...argv], {
      removes: true,
    });
    if (inside !== null) return inside;
    const store = openStore();
    return forEachWord(names, (name) => {
      remove(store, name, flags.has("force"));
      print(name);
    });
  },
};

function remove(store: ImageStore, name: string, force: boolean): void {
  const isName = !name.includes("/") && name !== "." && name !== "..";
  const removal = isName ? removeVolume(store, name) : null;
  if (removal?.removed) return;
  if (removal?.users) {
    throw new ContainerError(
      `Cannot remove the volume ${name}: ${
        removal.users.length === 1 ? "a container uses it" : "containers use it"
      }: ${shownUsers(removal.users)}`,
      { hint: "Remove them first with container rm." },
    );
  }
  if (!force) throw missingVolume(name);
}

const KEYS: readonly VolumeKey[] = ["label", "label!", "all"];

const PRUNE_FLAGS: readonly Flag[] = [
  { name: "all", short: "a", help: "Also remove volumes with names" },
  { name: "force", short: "f", help: "Do not ask" },
  {
    name: "filter",
    value: "KEY=VALUE",
    help: `${KEYS.map((key) => `${key}=`).join(", ")}; repeatable`,
  },
  FORMAT,
];

/** Removes volumes that no container uses. */
export const volumePruneCommand: Command = {
  name: "volume prune",
  summary: "Remove anonymous volumes that no container uses",
  usage: "[flags]",
  flags: PRUNE_FLAGS,
  examples: [
    ["sudo container volume prune", "asks before"],
    ["sudo container volume prune -a -f", "also those with names"],
  ],
  async execute(argv) {
    const flags = parseFlags(PRUNE_FLAGS, argv, "container volume prune");
    takeNoWords(flags, "volume prune");
    const json = asksJson(flags);
    const filters = parseVolumeFilters(flags.all("filter"), KEYS);
    const all = filters.all || flags.has("all");
    const isSure = json || flags.has("force") || confirms(
      `WARNING! This will remove ${
        all ? "all" : "anonymous"
      } local volumes not used by at least one container.`,
    );
    if (!isSure) return 0;
    await clearKilled();
    const inside = await inUserNamespace(
      ["volume", "prune", ...argv, "--force"],
      { removes: true },
    );
    if (inside !== null) return inside;
    const fits = (volume: Volume) => filters.fits(volume);
    const pruned = pruneVolumes(openStore(), fits, { all });
    if (json) {
      print(JSON.stringify({ deleted: pruned.names, bytes: pruned.bytes }));
      return 0;
    }
    if (pruned.names.length) {
      print(`Deleted Volumes:\n${pruned.names.join("\n")}\n\n`);
    }
    print(`Total reclaimed space: ${size(pruned.bytes)}`);
    return 0;
  },
};

/** What a prune has removed. */
export interface Pruned {
  names: string[];
  bytes: number;
}

/** Removes the chosen volumes that no container uses. */
export function pruneVolumes(
  store: ImageStore,
  fits: (volume: Volume) => boolean,
  { all }: { all: boolean },
): Pruned {
  sweepVolumes(store);
  const pruned: Pruned = { names: [], bytes: 0 };
  for (const volume of volumesOf(store)) {
    const { name, anonymous, users } = volume;
    if (users.length || !all && !anonymous || !fits(volume)) continue;
    const removal = removeVolume(store, name, { measure: true });
    if (!removal.removed) continue;
    pruned.names.push(name);
    pruned.bytes += removal.bytes;
  }
  return pruned;
}
