/**
 * Removes cgroups that a killed command of ours has left. Each cgroup is
 * recorded in a small file before it is made, with the process that owns it.
 * The next command removes the cgroups whose process is gone. Runs on the host.
 *
 * @module
 */

import { readFile } from "./apply.ts";
import { Cgroup, type CgroupState } from "./manager.ts";

/** The record of a cgroup. */
export interface CgroupRecord extends CgroupState {
  /**
   * The process that normally removes it. A pid can be used again, a pid with
   * its start time cannot.
   */
  owner: { pid: number; startTime: string };
}

/** The result of a {@linkcode sweep}. */
export interface Swept {
  /** Ids of the removed cgroups. */
  removed: string[];
  /** Cgroups that could not be removed, with the reason. */
  failed: { id: string; error: unknown }[];
}

/**
 * The start time of a process in ticks since boot; null if it does not exist.
 */
export function startTime(pid: number): string | null {
  const stat = readFile(`/proc/${pid}/stat`);
  // The second field is a name in parentheses, which may contain parentheses
  // and spaces.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

const isAlive = ({ pid, startTime: time }: CgroupRecord["owner"]) =>
  startTime(pid) === time;

/**
 * Records a cgroup that is about to be made; used as the `record` of
 * createCgroup. Fails if the id has a record already.
 *
 * @returns disposing of it removes the record
 */
export function recordCgroup(
  directory: string,
  state: CgroupState,
  owner = Deno.pid,
): Disposable {
  const time = startTime(owner);
  if (time === null) {
    throw new TypeError(`Cannot record a cgroup: there is no process ${owner}`);
  }
  const { id, groups, made } = state;
  const record: CgroupRecord = {
    id,
    groups,
    made,
    owner: { pid: owner, startTime: time },
  };
  const path = `${directory}/${id}.json`;
  const draft = `${directory}/.${id}.${Deno.pid}`;
  Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
  // link(2) makes the complete file appear at once, and fails if one exists.
  Deno.writeTextFileSync(draft, JSON.stringify(record), { mode: 0o600 });
  try {
    Deno.linkSync(draft, path);
  } finally {
    Deno.removeSync(draft);
  }
  return { [Symbol.dispose]: () => forget(path) };
}

/**
 * Removes every recorded cgroup whose owner is gone. A failure does not keep it
 * from removing the others.
 */
export function sweep(directory: string): Swept {
  const swept: Swept = { removed: [], failed: [] };
  for (const name of names(directory)) {
    const path = `${directory}/${name}`;
    if (name.startsWith(".")) {
      // A draft of a process that was killed before it made the record.
      if (startTime(Number(name.slice(name.lastIndexOf(".") + 1))) === null) {
        forget(path);
      }
      continue;
    }
    const id = name.replace(/\.json$/, "");
    try {
      const text = readFile(path);
      if (text === null) continue;
      const record: CgroupRecord = JSON.parse(text);
      if (isAlive(record.owner)) continue;
      new Cgroup(record).remove();
      forget(path);
      swept.removed.push(id);
    } catch (error) {
      swept.failed.push({ id, error });
    }
  }
  return swept;
}

function names(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function forget(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
