/**
 * A further process in a container that is there: join what the container has,
 * then the same last steps as its first process. Pure.
 *
 * The walker does all of it: a process with threads cannot enter a mount or a
 * user namespace, and one that shares memory with ours must not.
 */

import type { NamespaceType, Spec } from "../spec/types.ts";
import { CGROUPS_FROM, waysIn } from "./cgroup.ts";
import { check, deathSignal, protect, tie } from "./child.ts";
import type { Facts } from "./facts.ts";
import { earlyOomScore } from "./process/oom_score.ts";
import { reopenNull } from "./process/null_streams.ts";
import { raiseLimits } from "./process/raise_limits.ts";
import { startProcess } from "./process/process.ts";
import { affinity } from "./process/schedule.ts";
import type { Plan, Step } from "./step.ts";
import { relayStreams } from "./process/streams.ts";

/** The process whose surroundings are joined. */
export interface Joined {
  /** Its number on the host. */
  pid: number;
  /** Those of its namespaces that are not ours. */
  namespaces: readonly NamespaceType[];
  /** Its root is not what its mount namespace has for one. */
  root: boolean;
}

/** The ordered steps of a process that joins a container. */
export function compileExec(spec: Spec, facts: Facts, joined: Joined): Plan {
  return {
    init: false,
    host: relayStreams(facts),
    launch: join(spec, facts, joined),
    container: [{
      step: "joinKeyring",
      why: "the keys of whoever started it are not for the container",
      man: "keyctl(2), session-keyring(7)",
    }, ...reopenNull(spec, facts)],
    process: [...affinity(spec, "final"), ...startProcess(spec, facts)],
    cleanup: [],
  };
}

function join(
  spec: Spec,
  facts: Facts,
  { pid, namespaces, root }: Joined,
): Step[] {
  const { cgroupEntry, joins } = facts;
  // Once in the container's cgroup namespace, ours is out of reach, and the
  // kernel lets nobody be born across that (nsdelegate in cgroups(7)). What was
  // opened before can be written to.
  const birthplace = namespaces.includes("cgroup")
    ? null
    : cgroupEntry?.directory ?? null;
  const files = birthplace === null
    ? waysIn(facts)
    : [...cgroupEntry?.join ?? []];
  return [
    ...protect,
    ...affinity(spec, "initial"),
    ...(cgroupEntry ? [openCgroup(files, birthplace)] : []),
    ...earlyOomScore(spec, facts),
    ...(namespaces.includes("user") ? raiseLimits(facts) : []),
    {
      step: "joinProcess",
      pid,
      namespaces,
      root,
      why:
        "all that the container's first process has of its own, by a descriptor of that process: its number could be another's by now",
      man: "setns(2), pidfd_open(2)",
    },
    {
      step: "clone",
      namespaces: [],
      ...(birthplace === null ? {} : { cgroup: birthplace, opened: true }),
      why: "a PID namespace that was joined takes effect for children only",
      man: "clone(2), pid_namespaces(7)",
    },
    ...(files.length
      ? [
        {
          step: "joinCgroups",
          files,
          from: CGROUPS_FROM,
          why:
            "before anything else, so that whatever it uses is counted as the container's",
          man: "cgroups(7)",
        } as const,
      ]
      : []),
    ...(joins?.detached ? [] : deathSignal),
    {
      step: "waitForParent",
      why: "until the parent has written down the number of the new process",
      man: "read(2)",
    },
    ...(joins?.detached ? [] : check),
    ...(namespaces.includes("user")
      ? [
        {
          step: "setIds",
          uid: 0,
          gid: 0,
          groups: facts.denySetgroups ? null : [],
          why:
            "root of the user namespace: who has just entered is nobody there",
          man: "setresuid(2), user_namespaces(7)",
        } as const,
        ...tie(facts),
      ]
      : []),
  ];
}

/** On the host still: from inside there is no path to it. */
function openCgroup(files: string[], birthplace: string | null): Step {
  return {
    step: "openCgroups",
    files,
    from: CGROUPS_FROM,
    ...(birthplace === null ? {} : { birthplace }),
    why: "the way in: a process in other namespaces may not see it",
    man: "cgroups(7)",
  };
}
