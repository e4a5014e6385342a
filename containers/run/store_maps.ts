/**
 * The map of the user namespace in which the files of a user's store have their
 * owners. Only reads. Runs on the host.
 */

import { idsOf } from "../../images/store/ids.ts";
import { readCaller } from "../decide/caller.ts";
import { automaticIds, type IdMaps } from "../decide/id_ranges.ts";
import {
  changedIds,
  isSameIds,
  mapsOfStore,
  mayMap,
} from "../decide/images/store_ids.ts";
import { THIS_MACHINE } from "../world/real_world.ts";

/**
 * The map of a user's store, or else the one that it gets.
 *
 * @param options.removes the files are only removed
 * @throws {ContainerError} if the store has another map than /etc/subuid now
 * gives, unless the command only removes and the map is still possible
 */
export function storeMaps(
  store: string,
  { removes = false }: { removes?: boolean } = {},
): IdMaps {
  const now = automaticIds(readCaller(THIS_MACHINE), THIS_MACHINE);
  const had = idsOf(store);
  if (had === null || isSameIds(had, now)) return now;
  if (removes && mayMap(had, now)) return mapsOfStore(had);
  throw changedIds(store, had, now);
}
