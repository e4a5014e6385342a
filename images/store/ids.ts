/**
 * The IDs with which a user's layers are unpacked. Their owners on the disk are
 * the user's own ID and those of subuid(5), so a store fits one map only. It is
 * recorded in the file `ids.json`. Root's store has none: its owners are those
 * of the image.
 */

import { ContainerError } from "../../spec/errors.ts";
import { isSameMap, parseIdMap } from "../../spec/ids.ts";
import type { IdMapping } from "../../spec/types.ts";
import { replaceFile } from "./layout.ts";
import { namesIn, textOrNull } from "./places.ts";

/** The maps of a user namespace. */
export interface StoreIds {
  uids: readonly IdMapping[];
  gids: readonly IdMapping[];
}

const fileOf = (store: string) => `${store}/ids.json`;

/** The directories whose files have owners of the map. */
const OWNED = ["layers", "containers"];

/**
 * The map of a store; null if it has none, or if nothing in the store depends on
 * it any more.
 */
export function idsOf(store: string): StoreIds | null {
  const text = textOrNull(fileOf(store));
  if (text === null || !OWNED.some((name) => namesIn(`${store}/${name}`)[0])) {
    return null;
  }
  try {
    return JSON.parse(text) as StoreIds;
  } catch (error) {
    // A power cut can leave an empty file.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

const isSameIds = (one: StoreIds, other: StoreIds): boolean =>
  isSameMap(one.uids, other.uids) && isSameMap(one.gids, other.gids);

/**
 * Records the map of this process's user namespace before something is
 * unpacked. In the initial namespace nothing is recorded.
 *
 * @throws {ContainerError} if the store has another map
 */
export function recordIds(store: string): void {
  const ids = ownIds();
  const had = idsOf(store);
  if (ids === null && had === null) return;
  if (ids !== null && had !== null && isSameIds(ids, had)) return;
  if (had !== null) {
    throw new ContainerError(
      `Cannot use the store of images at ${store}: its layers are unpacked with other IDs than those of this user namespace`,
      {
        hint:
          "Call the command as the user that the store belongs to, outside of any user namespace.",
      },
    );
  }
  replaceFile(fileOf(store), `${JSON.stringify(ids)}\n`);
}

/** The maps of this process's user namespace; null for the initial one. */
function ownIds(): StoreIds | null {
  const read = (name: "uid_map" | "gid_map") =>
    parseIdMap(Deno.readTextFileSync(`/proc/self/${name}`));
  const uids = read("uid_map");
  return uids[0]?.size === 0xffffffff ? null : { uids, gids: read("gid_map") };
}

/**
 * How this process can unpack layers.
 *
 * @throws {ContainerError} for a user outside of the user's namespace
 */
export function unpackRights(): {
  owners?: "own";
  devices?: "placeholders";
} {
  const ids = ownIds();
  if (ids === null && Deno.uid() !== 0) {
    throw new ContainerError(
      "Cannot unpack layers in this process: the owners of files need your user namespace",
      {
        hint:
          "Fetch the image with container pull, or start the program with container unshare.",
      },
    );
  }
  if (ids === null) return {};
  const count = ids.uids.reduce((sum, { size }) => sum + size, 0);
  return {
    devices: "placeholders",
    ...count === 1 ? { owners: "own" } : {},
  };
}
