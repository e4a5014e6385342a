/**
 * rename: gives a container another name. Runs on the host, in the process of
 * the command.
 */

import { ContainerError } from "../../spec/errors.ts";
import type { Store } from "../store/store.ts";
import { dropName } from "./name_links.ts";
import { takeName } from "./names.ts";

/**
 * Renames a container.
 *
 * @throws {ContainerError} if another container has the name, and for a
 * container of `create`, which its engine knows by its id
 */
export function rename(store: Store, id: string, name: string): void {
  using entry = store.open(id);
  const { record } = entry;
  const { daily } = record;
  if (!daily) {
    throw new ContainerError(`Cannot rename ${id}: it has only an ID`, {
      hint: "Only containers of `container run` can have names.",
    });
  }
  if (daily.name === name) return;
  // The container has both names until its record is saved. If this command is
  // killed in between, no other container gets either name.
  takeName(store, name, id);
  entry.save({ ...record, daily: { ...daily, name } });
  dropName(store, daily.name, id);
}
