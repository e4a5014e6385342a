/**
 * Hooks that run in the container's namespaces while its first process waits:
 * createContainer before the root changes, startContainer before the command.
 * This module runs on the host, in the create and start commands; only the
 * hooks themselves enter the namespaces. Loaded only if a configuration has
 * such hooks.
 */

import { joinFile } from "../../../cgroup/mod.ts";
import {
  createContainerHook,
  type Joined,
  startContainerHook,
} from "../../../plan/hooks.ts";
import type { ProcessFacts } from "../../../plan/facts.ts";
import type { Spec } from "../../../spec/types.ts";
import { differingNamespaces } from "../../decide/oci/exec.ts";
import { decideHook } from "../../decide/oci/hook.ts";
import { requesterIn } from "../../decide/requester.ts";
import { runHooks, runtimeEnvironment } from "./hooks.ts";
import { type State, stateOf } from "../../store/status.ts";
import type { Entry } from "../../store/store.ts";
import { THIS_MACHINE } from "../../world/real_world.ts";

/** Runs the createContainer hooks while the first process waits for them. */
export async function runCreateContainer(entry: Entry): Promise<void> {
  const { spec } = entry.record;
  const joined = joinedOf(entry);
  const facts = await factsOf(spec);
  const usual = { env: runtimeEnvironment() };
  await runHooks(
    "createContainer",
    spec,
    stateInside(entry, "creating"),
    { stepsOf: (hook) => createContainerHook(hook, joined, facts, usual) },
  );
}

/** Runs the startContainer hooks while the first process waits for `start`. */
export async function runStartContainer(entry: Entry): Promise<void> {
  const { spec } = entry.record;
  const joined = joinedOf(entry);
  const facts = await factsOf(spec);
  await runHooks(
    "startContainer",
    spec,
    stateInside(entry, "created"),
    {
      stepsOf: (hook) => startContainerHook(spec, hook, joined, facts),
      root: `/proc/${joined.pid}/root`,
    },
  );
}

/**
 * The state for hooks inside, with the pid in the container's PID namespace, as
 * the runtime-spec requires.
 */
function stateInside(entry: Entry, status: State["status"]): State {
  const { pid } = entry.record;
  const numbers = Deno.readTextFileSync(`/proc/${pid}/status`)
    .match(/^NSpid:\s*(.*)$/m)?.[1]?.split(/\s+/);
  return { ...stateOf(entry), status, pid: Number(numbers?.at(-1) ?? pid) };
}

function joinedOf({ record: { pid, cgroup } }: Entry): Joined {
  return {
    pid,
    // Joining a namespace that this process is already in can need privileges
    // that it does not have.
    namespaces: differingNamespaces(`/proc/${pid}`, THIS_MACHINE),
    cgroups: cgroup?.groups.map(joinFile) ?? [],
  };
}

const factsOf = (spec: Spec): Promise<ProcessFacts> =>
  decideHook(
    spec,
    requesterIn(THIS_MACHINE, ["piped", "piped", "piped"]),
  );
