/**
 * Records of cgroups as earlier builds of this program wrote them: one file
 * each, ID.json, in a directory of their own. A command that was killed before
 * the program was replaced has left them. Runs on the host.
 */

import { readFile } from "../../cgroup/apply.ts";
import type { CgroupState } from "../../cgroup/mod.ts";
import type { HostRecord } from "../../plan/undo.ts";
import { startTime } from "./owner.ts";
import { takeBack } from "./undo.ts";

/** An old record. */
interface OldRecord extends Pick<CgroupState, "groups"> {
  /** The process that would have removed it. */
  owner: { pid: number; startTime: string };
  /** The directories that were made, parents first. */
  made?: string[];
}

/**
 * Removes the cgroups of old records whose process is gone, and the directory
 * when it is empty. A cgroup in use stays: nobody knows whose it is now.
 */
export function sweepOldRecords(directory: string): void {
  for (const { name } of Deno.readDirSync(directory)) {
    const path = `${directory}/${name}`;
    const record = parse(readFile(path));
    if (record && startTime(record.owner.pid) === record.owner.startTime) {
      continue;
    }
    if (record) takeBack(undosOf(record));
    Deno.removeSync(path);
  }
  Deno.removeSync(directory);
}

/** The record; null for a draft, or a file that was not written to its end. */
function parse(text: string | null): OldRecord | null {
  try {
    const record: OldRecord = JSON.parse(text ?? "");
    return Array.isArray(record.groups) && record.owner ? record : null;
  } catch {
    return null;
  }
}

/** What takes an old record back. No undo kills anything. */
function undosOf({ groups, made = [] }: OldRecord): HostRecord {
  const own = new Set(groups.map(({ path }) => path));
  const above = made.filter((path) => !own.has(path));
  return {
    owner: { pid: 0, startTime: "", boot: "" },
    undos: [
      ...above.map((path) => ({
        operation: { undo: "leaveCgroup", path } as const,
      })),
      ...groups.map(({ version, path }) => ({
        operation: { undo: "removeCgroup", version, path } as const,
      })),
    ],
  };
}
