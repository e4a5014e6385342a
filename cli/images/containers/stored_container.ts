/** What the commands for the files of containers have in common. */

import { findContainer } from "../../../containers/daily/names.ts";
import type {
  ContainerRecord,
  Store,
} from "../../../containers/store/store.ts";
import { ContainerError } from "../../../spec/errors.ts";
import { globals } from "../../oci/global.ts";

/** A container, and the state directory that it is in. */
export interface Found {
  store: Store;
  id: string;
  record: ContainerRecord;
}

/**
 * The container that a word names.
 *
 * @throws {ContainerError} if there is none
 */
export function containerFor(word: string): Found {
  const { store } = globals();
  const id = findContainer(store, word);
  const record = store.peek(id);
  if (!record) throw store.missing(word);
  return { store, id, record };
}

/**
 * Carries a command out where the files of a container can be read and changed:
 * those of an image that a user runs belong to the user's whole range of IDs.
 *
 * @param words the command and its own words
 * @returns its status; null if this process can do it
 */
export async function whereFilesAre(
  { record }: Found,
  words: readonly string[],
): Promise<number | null> {
  if (Deno.uid() === 0 || !record.daily?.image) return null;
  const { inUserNamespace } = await import("../user_namespace.ts");
  return await inUserNamespace(words);
}

/** Refuses to write an archive to a terminal, as docker does. */
export function refuseTerminal(command: string, hint: string): void {
  if (!Deno.stdout.isTerminal()) return;
  throw new ContainerError(
    `container ${command} does not write an archive to a terminal`,
    { hint },
  );
}
