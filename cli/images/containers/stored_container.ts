/** What the commands for the files of containers have in common. */

import { findContainer } from "../../../containers/daily/names.ts";
import {
  type ContainerRecord,
  isAlive,
  type Store,
} from "../../../containers/store/store.ts";
import type { IdMapping } from "../../../spec/types.ts";
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
 * Carries out a copy between the host and a container of a user that runs, as
 * root of the container's user namespace: its files have their owners there, and
 * its mounts are visible.
 *
 * A process of the container does not see the one that copies: it has a PID
 * namespace of its own. Otherwise a process with all capabilities there could
 * trace it, and so leave the container.
 *
 * @param words the command and its own words
 * @returns its status; null if this process has to do it, or cannot
 */
export async function whereItRuns(
  { record }: Found,
  words: readonly string[],
): Promise<number | null> {
  const { pid, spec } = record;
  const { namespaces, uidMappings = [], gidMappings = [] } = spec.linux;
  const isOwn = (type: string) =>
    namespaces.some((one) => one.type === type && one.path === undefined);
  const isRoot = (maps: readonly IdMapping[], id: number | null) =>
    maps.some(({ containerID, hostID }) => containerID === 0 && hostID === id);
  if (
    Deno.uid() === 0 || !isAlive(record) || !isOwn("user") || !isOwn("pid") ||
    !isRoot(uidMappings, Deno.uid()) || !isRoot(gidMappings, Deno.gid())
  ) return null;
  const { inNamespaceOf } = await import("../user_namespace.ts");
  return await inNamespaceOf(pid, words);
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
