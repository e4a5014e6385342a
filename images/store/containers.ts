/**
 * What containers use of a store: each has a directory `containers/ID`, with its
 * changes and a list of what it needs (launch/host/changes.ts).
 */

import { bootId } from "../../launch/host/owner.ts";
import { namesIn, statOrNull, textOrNull } from "./places.ts";
import type { Pins } from "./work.ts";

/** A container that uses something of a store. */
export interface StoreUser extends Pins {
  /** Its ID. */
  id: string;
  /** The directory of its record; null if it has none. */
  record: string | null;
  /** The names of its volumes. */
  volumes: readonly string[];
}

/** The directories of containers in a store. */
export interface Containers {
  /** Those that exist. */
  users: StoreUser[];
  /** What they use. */
  uses: Pins;
  /** The directories of containers that no longer exist. */
  dead: string[];
}

/**
 * Looks at the containers of a store; the caller has the store's lock.
 *
 * A container without a record ends with its boot at the latest. Its command, or
 * the next one, removes its directory. After a crash of the machine nothing
 * knows it any more.
 */
export function lookAtContainers(store: string): Containers {
  const found: Containers = {
    users: [],
    uses: { blobs: [], chains: [] },
    dead: [],
  };
  for (const name of namesIn(`${store}/containers`)) {
    const directory = `${store}/containers/${name}`;
    const uses = usesIn(directory);
    if (uses === null || isOver(uses)) found.dead.push(directory);
    else {
      const { volumes = [], blobs, chains, record } = uses;
      found.users.push({ id: name, record, volumes, blobs, chains });
      found.uses.blobs.push(...uses.blobs);
      found.uses.chains.push(...uses.chains);
    }
  }
  return found;
}

interface Uses extends Pins {
  boot: string;
  record: string | null;
  volumes?: readonly string[];
}

/** Null if a command was killed before it had written the list. */
function usesIn(directory: string): Uses | null {
  const text = textOrNull(`${directory}/uses.json`);
  return text === null ? null : JSON.parse(text) as Uses;
}

const isOver = ({ boot, record }: Uses) =>
  boot !== (bootId() ?? "") &&
  (record === null || statOrNull(record) === null);
