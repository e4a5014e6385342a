/**
 * The IDs of a user's store of images, and those that the user has now. Only
 * reads and decides; changes nothing. Runs on the host, in the parent.
 */

import { SpecError } from "../../../spec/errors.ts";
import { isSameMap } from "../../../spec/ids.ts";
import type { IdMaps } from "../id_ranges.ts";
import type { StoreIds } from "./unpacked_image.ts";
export type { StoreIds };

/** Whether two maps are the same. */
export const isSameIds = (one: StoreIds, other: StoreIds): boolean =>
  isSameMap(one.uids, other.uids) && isSameMap(one.gids, other.gids);

/** The map of a store, as it is written. */
export const mapsOfStore = ({ uids, gids }: StoreIds): IdMaps => ({
  uids: [...uids],
  gids: [...gids],
  helper: uids.length > 1 || gids.length > 1,
});

/** Whether the user may still map the IDs of the store, with the IDs in `now`. */
export const mayMap = (store: StoreIds, now: StoreIds): boolean =>
  (["uids", "gids"] as const).every((kind) =>
    store[kind].every(({ hostID, size }) =>
      now[kind].some((map) =>
        hostID >= map.hostID && hostID + size <= map.hostID + map.size
      )
    )
  );

/** The error for a store whose files belong to other IDs than the user's. */
export function changedIds(
  path: string,
  store: StoreIds,
  now: StoreIds,
): SpecError {
  const former = store.uids.slice(1)
    .map(({ hostID, size }) => `${hostID}:${size}`).join(", ");
  const again = "and pull the images again.";
  return new SpecError(
    `Cannot use the store of images at ${path}: its files belong to other IDs than ${
      now.uids.length > 1
        ? "/etc/subuid and /etc/subgid give you now"
        : "your own, which is the only one that you can map now"
    }`,
    {
      hint: mayMap(store, now)
        ? `Remove its containers and images (container image prune --all), ${again}`
        : `Restore the former range (${former}) in /etc/subuid and /etc/subgid, with newuidmap installed, or remove the store as root (sudo rm -r ${path}) ${again}`,
    },
  );
}

/** The error for a user who wants to run an image of root's store. */
export const foreignStore = (name: string, path: string): SpecError =>
  new SpecError(
    `Cannot run the image ${name} from the store ${path}: it is not yours`,
    { hint: `Fetch it into your own store: container pull ${name}.` },
  );
