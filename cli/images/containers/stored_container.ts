/** What the commands for the files of containers have in common. */

import { findContainer } from "../../../containers/daily/names.ts";
import type {
  ContainerRecord,
  Store,
} from "../../../containers/store/store.ts";
import { ContainerError, SpecError } from "../../../spec/errors.ts";
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
 * @param action for messages: `commit`
 * @throws {ContainerError} if there is none, or if only root can do that
 */
export function containerFor(word: string, action: string): Found {
  const { store } = globals();
  const id = findContainer(store, word);
  const record = store.peek(id);
  if (!record) throw store.missing(word);
  if (record.daily?.image && Deno.uid() !== 0) {
    throw new SpecError(
      `Cannot ${action} ${word} without root: its files are an image's`,
      { hint: "Run as root (sudo)." },
    );
  }
  return { store, id, record };
}

/** Refuses to write an archive to a terminal, as docker does. */
export function refuseTerminal(command: string, hint: string): void {
  if (!Deno.stdout.isTerminal()) return;
  throw new ContainerError(
    `container ${command} does not write an archive to a terminal`,
    { hint },
  );
}
