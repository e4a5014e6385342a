/**
 * The processes of a container, by their numbers here. Runs on the host.
 *
 * Its cgroup has them all. A user to whom no cgroup was given has none to ask:
 * there it is the processes of its PID namespace and what descends from them.
 */

import { readFile } from "../../cgroup/apply.ts";
import { Cgroup } from "../../cgroup/mod.ts";
import type { ContainerRecord, Entry } from "../store/store.ts";

/** Their numbers; its first process is among them while it lives. */
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
    // What may not be looked into is found by its parent.
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

/** Null where it has ended, or is closed to us. */
function namespaceOf(pid: number | "self"): string | null {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return null;
  }
}

/** Null where it has ended, and is at most not reaped. */
function parentOf(pid: number): number | null {
  const stat = readFile(`/proc/${pid}/stat`);
  const [state, parent] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ??
    [];
  return parent === undefined || state === "Z" || state === "X"
    ? null
    : Number(parent);
}
