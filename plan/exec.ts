/**
 * The steps of a further process in an existing container: it joins what the
 * container has, then takes the same last steps as the first process. Pure.
 *
 * The walker carries out all of them. A process with threads cannot enter a
 * mount or user namespace, and a process that shares memory with ours must not.
 */

import type { NamespaceType, Spec } from "../spec/types.ts";
import { CGROUPS_FROM, joinFiles, OPENED_ON_HOST } from "./cgroup.ts";
import {
  becomeNonDumpable,
  checkParent,
  deathSignal,
  tieToParent,
} from "./child.ts";
import type { ProcessFacts } from "./facts.ts";
import { earlyOomScore } from "./process/oom_score.ts";
import { reopenNull } from "./process/null_streams.ts";
import { raiseLimits } from "./process/raise_limits.ts";
import { startProcess } from "./process/process.ts";
import { affinity } from "./process/schedule.ts";
import type { Plan, Step } from "./step.ts";
import { relayStreams } from "./process/streams.ts";

/** The process whose namespaces and root are joined. */
export interface Joined {
  /** The process's number on the host. */
  pid: number;
  /** The namespaces in which the process differs from us. */
  namespaces: readonly NamespaceType[];
  /** Whether its root differs from the root of its mount namespace. */
  root: boolean;
}

/** Compiles the ordered steps of a process that joins a container. */
export function compileExec(
  spec: Spec,
  facts: ProcessFacts,
  joined: Joined,
): Plan {
  return {
    init: false,
    host: [...facts.hostSteps, ...relayStreams(facts)],
    launch: join(spec, facts, joined),
    container: [{
      step: "joinKeyring",
      why:
        "the caller's session keyring and its keys stay out of the container",
      man: "keyctl(2), session-keyring(7)",
    }, ...reopenNull(spec, facts)],
    process: [...affinity(spec, "final"), ...startProcess(spec, facts)],
    cleanup: [],
  };
}

function join(
  spec: Spec,
  facts: ProcessFacts,
  { pid, namespaces, root }: Joined,
): Step[] {
  const { cgroupEntry, outlives } = facts;
  // From the container's cgroup namespace, our own cgroup is out of reach, and
  // the kernel creates no process across that border (nsdelegate in
  // cgroups(7)). Files that were opened before can still be written to.
  const birthplace = namespaces.includes("cgroup")
    ? null
    : cgroupEntry?.directory ?? null;
  const files = birthplace === null
    ? joinFiles(facts)
    : [...cgroupEntry?.join ?? []];
  return [
    ...becomeNonDumpable,
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
        "enters the namespaces of the container's first process through a descriptor, because another process may have its PID by now",
      man: "setns(2), pidfd_open(2)",
    },
    {
      step: "clone",
      namespaces: [],
      ...(birthplace === null ? {} : { cgroup: birthplace, opened: true }),
      why: "a joined PID namespace applies only to child processes",
      man: "clone(2), pid_namespaces(7)",
    },
    ...(files.length
      ? [
        {
          step: "joinCgroups",
          files,
          from: CGROUPS_FROM,
          why:
            "done first, so that the whole resource usage of this process counts for the container",
          man: "cgroups(7)",
        } as const,
      ]
      : []),
    ...(outlives ? [] : deathSignal),
    {
      step: "waitForParent",
      why: "the parent first records the PID of this process",
      man: "read(2)",
    },
    ...(outlives ? [] : checkParent),
    ...(namespaces.includes("user")
      ? [
        {
          step: "setIds",
          uid: 0,
          gid: 0,
          groups: facts.denySetgroups ? null : [],
          why:
            "becomes root of the user namespace, in which the caller's IDs may not be mapped",
          man: "setresuid(2), user_namespaces(7)",
        } as const,
        ...tieToParent(facts),
      ]
      : []),
  ];
}

/** Opens the files while this process is still on the host. */
function openCgroup(files: string[], birthplace: string | null): Step {
  return {
    step: "openCgroups",
    files,
    from: CGROUPS_FROM,
    ...(birthplace === null ? {} : { birthplace }),
    why: OPENED_ON_HOST,
    man: "cgroups(7)",
  };
}
