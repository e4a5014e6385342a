/** The records of what running or killed commands have changed on the host. */

import { stateDirectory } from "../containers/run/state_directory.ts";
import type { HostRecord } from "../plan/undo.ts";

/** A record, with its path. */
export interface UndoRecord extends HostRecord {
  path: string;
}

/** The directory of the records. */
export const undoDirectory = () => `${stateDirectory()}/undo`;

/** The names in a directory; none if it does not exist. */
export function namesIn(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch {
    return [];
  }
}

/** The records of a process, and the paths of its drafts. */
export function recordsOf(
  pid: number,
): { records: UndoRecord[]; drafts: string[] } {
  const own = namesIn(undoDirectory())
    .filter((name) => name.split(".").at(-2) === String(pid));
  return {
    records: own.filter((name) => !name.startsWith(".")).map((name) => {
      const path = `${undoDirectory()}/${name}`;
      return { path, ...JSON.parse(Deno.readTextFileSync(path)) };
    }),
    drafts: own.filter((name) => name.startsWith(".")),
  };
}

/** The container's own cgroups in a record. */
export const cgroupsIn = (
  { undos }: HostRecord,
): { version: 1 | 2; path: string }[] =>
  undos.flatMap(({ operation }) =>
    operation.undo === "removeCgroup" ? [operation] : []
  );
