/**
 * Stores the plans of the commands that may come next in the container's
 * directory, so that the native entry of the compiled program can carry them
 * out at once (launch/ready_plans.ts). Runs on the host, at the end of a
 * command that changes a container.
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

/**
 * The other files in a container's directory. The record is last, except for
 * the lock.
 */
const FILES: readonly string[] = ["start.fifo", "state.json", "lock"];

/** These are not carried out while another command has the container's lock. */
const LOCKED: readonly ReadyPlan[] = ["start", "delete", "delete-force"];

/**
 * Writes all plans that the container can have. Each does the same as its
 * command.
 */
export const writeReadyPlans = (entry: Entry): void =>
  prepareReadyPlans(entry)();

/**
 * Compiles the plans. It writes those that nobody carries out while the
 * container is locked; they may describe the state that is about to be saved.
 * The returned function writes the others.
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
      // Without the plan Deno carries out the command. Half a plan would be
      // wrong.
      removeIfThere(path);
    }
  };
  const isLocked = ({ name }: typeof compiled[number]) => LOCKED.includes(name);
  compiled.filter(isLocked).forEach(write);
  return () => compiled.filter((one) => !isLocked(one)).forEach(write);
}

/** Removes the plans, before something they rely on changes. */
export function forgetReadyPlans(entry: Entry): void {
  for (const file of READY_PLAN_FILES) removeIfThere(`${entry.path}/${file}`);
}

/** The plans that need only system calls. Hooks, for example, are programs. */
function possible({ path, record }: Entry): ReadyPlan[] {
  const { spec, cgroup } = record;
  const { hooks, linux: { seccomp } } = spec;
  const names: ReadyPlan[] = ["state"];
  if (!cgroup || ownsProcesses(spec)) names.push("kill");
  // For example the directory of a socket for sd_notify(3), where start waits.
  const more = [...Deno.readDirSync(path)]
    .some(({ name }) => !FILES.includes(name));
  // If an agent answers its system calls, start does not wait for the execve.
  const asks = seccomp?.listenerPath !== undefined;
  const started = hooks?.startContainer?.length || hooks?.poststart?.length;
  if (!more && !asks && !started) {
    names.push("start");
  }
  if (!more && !hooks?.poststop?.length) {
    names.push("delete", "delete-force");
  }
  return names;
}

function knownOf(entry: Entry): Known {
  const { pid, startTime, cgroup, host } = entry.record;
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
    undos: (host?.undos ?? []).filter(({ ifFailed }) => !ifFailed),
    texts: {
      created: text("created"),
      running: text("running"),
      stopped: text("stopped"),
    },
  };
}
