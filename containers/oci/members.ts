/**
 * Lists the processes of a container by their pids on the host. Runs on the
 * host, in the process of the command.
 *
 * If the container has a cgroup, its processes are those in the cgroup. Without
 * a cgroup (for a user without delegation) they are the processes in its PID
 * namespace, and their descendants.
 */

import { readFile } from "../../cgroup/apply.ts";
import { Cgroup } from "../../cgroup/mod.ts";
import type { ContainerRecord, Entry } from "../store/store.ts";

/** The pids of a container. They include its first process while that lives. */
export function membersOf(entry: Entry): number[] {
  const { cgroup } = entry.record;
  if (cgroup?.groups.length) return new Cgroup(cgroup).pids();
  return entry.isAlive() ? inNamespace(entry.record) : [];
}

function inNamespace({ pid }: ContainerRecord): number[] {
  const shared = namespaceOf(pid) === namespaceOf("self");
  const own = shared ? null : namespaceOf(pid);
  const members = new Set([pid]);
  const parents = new Map<number, number>();
  for (const { name } of Deno.readDirSync("/proc")) {
    const number = Number(name);
    const parent = Number.isInteger(number) ? parentOf(number) : null;
    if (parent === null) continue;
    parents.set(number, parent);
    // If its namespace cannot be read, the process is found by its parent.
    if (own !== null && namespaceOf(number) === own) members.add(number);
  }
  let known: number;
  do {
    known = members.size;
    for (const [number, parent] of parents) {
      if (members.has(parent)) members.add(number);
    }
  } while (members.size > known);
  return [...members].sort((a, b) => a - b);
}

/** Null if the process has ended, or this user may not inspect it. */
function namespaceOf(pid: number | "self"): string | null {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return null;
  }
}

/** Null if the process has ended, even if it is a zombie. */
function parentOf(pid: number): number | null {
  const stat = readFile(`/proc/${pid}/stat`);
  const [state, parent] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ??
    [];
  return parent === undefined || state === "Z" || state === "X"
    ? null
    : Number(parent);
}
