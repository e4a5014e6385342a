/**
 * Leaves the plans of the commands that come next beside a container's record,
 * for the compiled program to carry out at once (launch/ready_plans.ts). Runs on
 * the host, at the end of what changes a container.
 */

import {
  type Known,
  READY_PLAN_FILES,
  type ReadyPlan,
  readyPlan,
  readyPlanFile,
} from "../../launch/ready_plans.ts";
import { isFull, removeIfThere } from "../store/record_file.ts";
import { ownsProcesses } from "./end.ts";
import { stateOf, stateText } from "../store/status.ts";
import type { Entry } from "../store/store.ts";

/** What a container's directory holds beside them, its record last but for the lock. */
const FILES: readonly string[] = ["start.fifo", "state.json", "lock"];

/** Not carried out while somebody has the container's lock. */
const LOCKED: readonly ReadyPlan[] = ["start", "delete", "delete-force"];

/** Writes those that the container can have; every one comes to what its command does. */
export const writeReadyPlans = (entry: Entry): void =>
  prepareReadyPlans(entry)();

/**
 * Compiles them, and writes those that its lock keeps from being carried out
 * yet: they may tell of what is to come. What is returned writes the others.
 */
export function prepareReadyPlans(entry: Entry): () => void {
  const known = knownOf(entry);
  const compiled = possible(entry).flatMap((name) => {
    const bytes = readyPlan(name, known);
    return bytes ? [{ name, bytes }] : [];
  });
  const write = ({ name, bytes }: typeof compiled[number]) => {
    const path = `${entry.path}/${readyPlanFile(name)}`;
    try {
      Deno.writeFileSync(path, bytes, { mode: 0o600, createNew: true });
    } catch (error) {
      if (!isFull(error)) throw error;
      // Without it the command takes the long way; half of it would be wrong.
      removeIfThere(path);
    }
  };
  const isLocked = ({ name }: typeof compiled[number]) => LOCKED.includes(name);
  compiled.filter(isLocked).forEach(write);
  return () => compiled.filter((one) => !isLocked(one)).forEach(write);
}

/** Takes them away, before what they rely on changes. */
export function forgetReadyPlans(entry: Entry): void {
  for (const file of READY_PLAN_FILES) removeIfThere(`${entry.path}/${file}`);
}

/** Those that need nothing but system calls: hooks are programs. */
function possible({ path, record }: Entry): ReadyPlan[] {
  const { spec, cgroup, rdt } = record;
  const { hooks, linux: { seccomp } } = spec;
  const names: ReadyPlan[] = ["state"];
  if (!cgroup || ownsProcesses(spec)) names.push("kill");
  // Such as a socket for sd_notify(3), which start waits at.
  const more = [...Deno.readDirSync(path)]
    .some(({ name }) => !FILES.includes(name));
  // Where an agent answers its system calls, start does not wait for its execve.
  const asks = seccomp?.listenerPath !== undefined;
  const started = hooks?.startContainer?.length || hooks?.poststart?.length;
  if (!more && !asks && !started) {
    names.push("start");
  }
  if (!more && !rdt && !hooks?.poststop?.length) {
    names.push("delete", "delete-force");
  }
  return names;
}

function knownOf(entry: Entry): Known {
  const { pid, startTime, cgroup } = entry.record;
  const groups = cgroup?.groups ?? [];
  const v2 = groups.find(({ version }) => version === 2);
  const v1 = groups.find(({ controllers }) => controllers.includes("freezer"));
  const text = (status: "created" | "running" | "stopped") =>
    stateText(stateOf(entry, status));
  return {
    directory: Deno.realPathSync(entry.path),
    files: FILES,
    pid,
    startTime: BigInt(startTime),
    freezer: v2
      ? {
        path: `${v2.path}/cgroup.events`,
        running: "populated 1\nfrozen 0\n",
        version: 2,
      }
      : v1
      ? { path: `${v1.path}/freezer.state`, running: "THAWED\n", version: 1 }
      : null,
    cgroups: {
      own: groups.map(({ path }) => path),
      made: (cgroup?.made ?? []).filter((path) =>
        groups.every((group) => group.path !== path)
      ),
    },
    texts: {
      created: text("created"),
      running: text("running"),
      stopped: text("stopped"),
    },
  };
}
