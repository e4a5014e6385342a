/**
 * Cgroups that a killed command of ours left behind. Each is recorded in a
 * small file before it is made, with the process it belongs to; the next
 * command removes those whose process is gone. Runs on the host.
 *
 * @module
 */

import { readFile } from "./apply.ts";
import { Cgroup, type CgroupState } from "./manager.ts";

/** One recorded cgroup. */
export interface CgroupRecord extends CgroupState {
  /** Who removes it in the ordinary course: a pid may be used again, a pid and its start may not. */
  owner: { pid: number; startTime: string };
}

/** What a {@linkcode sweep} did. */
export interface Swept {
  /** Ids whose cgroups are gone now. */
  removed: string[];
  /** Those that remain, with the reason. */
  failed: { id: string; error: unknown }[];
}

/** When a process started, in ticks since boot; null when there is none. */
export function startTime(pid: number): string | null {
  const stat = readFile(`/proc/${pid}/stat`);
  // The second field is a name in parentheses, which may hold both those and spaces.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

const isAlive = ({ pid, startTime: time }: CgroupRecord["owner"]) =>
  startTime(pid) === time;

/**
 * Records a cgroup that is about to be made, as the `record` of createCgroup.
 * Fails if there is a record of that id.
 *
 * @returns what removes the record, once the cgroup is gone
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
  // A link appears with its whole content and only where nothing is yet.
  Deno.writeTextFileSync(draft, JSON.stringify(record), { mode: 0o600 });
  try {
    Deno.linkSync(draft, path);
  } finally {
    Deno.removeSync(draft);
  }
  return { [Symbol.dispose]: () => forget(path) };
}

/**
 * Removes every recorded cgroup whose owner is gone. One that resists does not
 * keep the others.
 */
export function sweep(directory: string): Swept {
  const swept: Swept = { removed: [], failed: [] };
  for (const name of names(directory)) {
    const path = `${directory}/${name}`;
    if (name.startsWith(".")) {
      // A draft, whose author was killed before it was a record.
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
