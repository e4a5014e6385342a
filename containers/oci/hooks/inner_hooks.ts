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
  NAMESPACE_FILE,
  startContainerHook,
} from "../../../plan/hooks.ts";
import type { Facts } from "../../../plan/facts.ts";
import { NAMESPACE_TYPES } from "../../../spec/names.ts";
import type { Spec } from "../../../spec/types.ts";
import { readCaller } from "../../decide/caller.ts";
import { needsHelper } from "../../decide/id_ranges.ts";
import { readFacts } from "../../decide/facts.ts";
import { specFilter } from "../../decide/seccomp.ts";
import { runHooks, runtimeEnvironment } from "./hooks.ts";
import { type State, stateOf } from "../../store/status.ts";
import type { Entry } from "../../store/store.ts";

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
    (hook) => createContainerHook(hook, joined, facts, usual),
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
    (hook) => startContainerHook(spec, hook, joined, facts),
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
  const own = (type: keyof typeof NAMESPACE_FILE, whose: number | "self") => {
    try {
      return Deno.readLinkSync(`/proc/${whose}/ns/${NAMESPACE_FILE[type]}`);
    } catch (error) {
      // The kernel has no such namespaces.
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  };
  return {
    pid,
    // Joining a namespace that this process is already in can need privileges
    // that it does not have.
    namespaces: NAMESPACE_TYPES.filter((type) =>
      own(type, "self") !== own(type, pid)
    ),
    cgroups: cgroup?.groups.map(joinFile) ?? [],
  };
}

async function factsOf(spec: Spec): Promise<Facts> {
  const facts = readFacts(spec, {
    init: false,
    chroot: false,
    rootKind: "directory",
    image: null,
    terminalStreams: [],
    mapHelper: needsHelper(spec, readCaller()),
    streams: ["piped", "piped", "piped"],
    confineDevices: false,
    overlay: null,
    seccomp: await specFilter(spec),
    cgroup: null,
  });
  return { ...facts, isBundle: true };
}
