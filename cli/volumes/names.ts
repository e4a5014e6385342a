/** The words for the containers that use something of the store. */

import { shortId } from "../../containers/daily/names.ts";
import { clearAllDead } from "../../containers/daily/dead.ts";
import { sweepLeftovers } from "../../containers/run/leftovers.ts";
import type { StoreUser } from "../../images/store/containers.ts";
import { globals } from "../oci/global.ts";

/**
 * Removes what killed commands have left: the containers that they ran use
 * nothing any more.
 */
export async function clearKilled(): Promise<void> {
  await sweepLeftovers();
  clearAllDead(globals().store);
}

/** A container with its name, if it has one: `web (0e5574283393)`. */
export function shownUser({ id }: StoreUser): string {
  const name = globals().store.peek(id)?.daily?.name;
  return name === undefined ? shortId(id) : `${name} (${shortId(id)})`;
}

/** Containers for an error. */
export const shownUsers = (users: readonly StoreUser[]): string =>
  users.map(shownUser).join(", ");
