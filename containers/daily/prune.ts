/**
 * Removes what is left of containers that nobody needs any more. Runs on the
 * host, in the process of the command.
 */

import type { Store } from "../store/store.ts";
import { sweepNames } from "./name_links.ts";
import { removeContainer } from "./remove.ts";
import { lookAtAll } from "./view.ts";

/**
 * A directory without a readable record is removed after this time, in
 * milliseconds.
 */
const OLD = 60_000;

/** Removes directories and names that killed commands have left. */
export function sweepUnrecorded(store: Store): void {
  for (const id of store.ids()) {
    if (!store.isBroken(id)) continue;
    const path = `${store.root}/${id}`;
    const changed = Deno.statSync(path).mtime?.getTime() ?? Date.now();
    if (Date.now() - changed > OLD) store.discard(id);
  }
  sweepNames(store);
}

/**
 * Removes the chosen containers that neither run nor will run; returns their
 * ids.
 */
export async function prune(
  store: Store,
  chosen: (view: ReturnType<typeof lookAtAll>[number]) => boolean,
): Promise<string[]> {
  const removed: string[] = [];
  sweepUnrecorded(store);
  for (const view of lookAtAll(store)) {
    const { status, record } = view;
    // The engine that called `create` will still ask how its container ended.
    if (!record.daily) continue;
    const idle = status === "exited" || status === "created";
    if (!idle || !chosen(view)) continue;
    const force = status === "created";
    await removeContainer(store, record.id, { force });
    removed.push(record.id);
  }
  return removed;
}
