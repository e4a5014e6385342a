/** rename: another name for the same container. Runs on the host. */

import { ContainerError } from "../../spec/errors.ts";
import type { Store } from "../store/store.ts";
import { dropName } from "./name_links.ts";
import { takeName } from "./names.ts";

/**
 * Renames a container.
 *
 * @throws ContainerError where the name is another one's, and of a container
 * that `create` made: an engine knows it by its id
 */
export function rename(store: Store, id: string, name: string): void {
  using entry = store.open(id);
  const { record } = entry;
  const { daily } = record;
  if (!daily) {
    throw new ContainerError(`Cannot rename ${id}: it has an id alone`, {
      hint: "Only containers of `container run` have names.",
    });
  }
  if (daily.name === name) return;
  // Both are its own until the record says which: killed in between, nothing
  // else has either.
  takeName(store, name, id);
  entry.save({ ...record, daily: { ...daily, name } });
  dropName(store, daily.name, id);
}
