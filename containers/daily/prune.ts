/** What is left of containers that nobody needs any more. Runs on the host. */

import type { Store } from "../store/store.ts";
import { sweepNames } from "./name_links.ts";
import { removeContainer } from "./remove.ts";
import { lookAtAll } from "./view.ts";

/** How old a directory without a readable record is whose maker was killed, in milliseconds. */
const OLD = 60_000;

/** Removes what commands that were killed at the wrong moment have left. */
export function sweepUnrecorded(store: Store): void {
  for (const id of store.ids()) {
    if (!store.isBroken(id)) continue;
    const path = `${store.root}/${id}`;
    const changed = Deno.statSync(path).mtime?.getTime() ?? Date.now();
    if (Date.now() - changed > OLD) store.discard(id);
  }
  sweepNames(store);
}

/** Removes all that do not run and are not to; their ids. */
export async function prune(
  store: Store,
  chosen: (view: ReturnType<typeof lookAtAll>[number]) => boolean,
): Promise<string[]> {
  const removed: string[] = [];
  sweepUnrecorded(store);
  for (const view of lookAtAll(store)) {
    const { status, record } = view;
    // One that `create` made is its engine's, which still asks for its end.
    if (!record.daily) continue;
    const idle = status === "exited" || status === "created";
    if (!idle || !chosen(view)) continue;
    const force = status === "created";
    await removeContainer(store, record.id, { force });
    removed.push(record.id);
  }
  return removed;
}
