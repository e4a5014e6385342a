/**
 * run: a container from its options to its end. Runs on the host, in the
 * process the user started.
 */

import { announce } from "../launch/child.ts";
import { mapIds } from "../launch/id_maps.ts";
import { runParent } from "../launch/parent.ts";
import { compile } from "../plan/compile.ts";
import type { Facts } from "../plan/facts.ts";
import type { Plan } from "../plan/step.ts";
import { ContainerError, EXIT } from "../spec/errors.ts";
import type { Spec } from "../spec/types.ts";
import type { CgroupPlan } from "../cgroup/step.ts";
import { readCaller } from "./caller.ts";
import { layersIn, makeLayers } from "./layers.ts";
import { type FactOptions, readFacts } from "./facts.ts";
import type { ContainerOptions } from "./options.ts";
import { EMPTY_ROOTFS } from "./root_filesystem.ts";
import { seccompFilter } from "./seccomp.ts";
import { decide } from "./spec.ts";
import type { StatusEvent } from "./status_lines.ts";
import { findUser } from "./users.ts";

/** What `run` takes beside the container. */
export interface RunOptions {
  /** Say `running […] as PID`, in the parent and in the child. */
  announce: boolean;
  /** Show stack traces. */
  debug: boolean;
  /** For lines that are not the command's. */
  say: (line: string) => void;
  /** Told of what happens to the container. */
  events?: (event: StatusEvent) => void;
}

/** All that is decided before anything is done, but for its steps. */
export interface Decided {
  spec: Spec;
  facts: Facts;
  cgroup: CgroupPlan | null;
  /** What had to be left out, a sentence each. */
  leftOut: string[];
}

/** The same with its steps. */
export interface Prepared extends Decided {
  plan: Plan;
}

/** Decides everything; changes nothing. */
export async function prepare(
  options: ContainerOptions,
  rootfs: string,
  streams?: FactOptions["streams"],
): Promise<Prepared> {
  const decided = await decideAll(options, rootfs, streams);
  return { ...decided, plan: compile(decided.spec, decided.facts) };
}

/** Decides what there is to be; changes nothing. */
export async function decideAll(
  options: ContainerOptions,
  rootfs: string,
  streams: FactOptions["streams"] = [],
): Promise<Decided> {
  const user = findUser(rootfs === EMPTY_ROOTFS ? "/" : rootfs, {
    user: options.user ?? "0",
    groupAdd: options.groups ?? [],
  });
  const { spec, mapHelper, init, leftOut } = decide(
    options,
    rootfs,
    user,
    readCaller(),
    streams,
  );
  const cgroup = options.resources
    ? (await import("./limits.ts")).planLimits({
      id: containerId(),
      resources: options.resources,
      rootless: !readCaller().privileged,
    })
    : null;
  const factOptions: FactOptions = {
    init,
    chroot: options.chroot ?? false,
    rootKind: rootfs === EMPTY_ROOTFS
      ? "empty"
      : rootfs === "/"
      ? "host"
      : "directory",
    mapHelper,
    streams,
    confineDevices: !options.privileged,
    overlay: options.overlay
      ? layersIn(options.overlay)
      : options.ephemeral
      ? { upper: null, work: null }
      : null,
    seccomp: options.privileged && !options.seccomp
      ? null
      : await seccompFilter(
        options.seccomp ?? "default",
        spec.process.capabilities?.bounding ?? [],
      ),
    cgroup,
  };
  const facts = readFacts(spec, factOptions);
  return { spec, facts, cgroup, leftOut };
}

/**
 * Runs a container and waits for it.
 *
 * @returns the command's own status, 128+n when signal n killed it
 */
export async function run(
  { spec, facts, plan, cgroup, leftOut }: Prepared,
  options: RunOptions,
): Promise<number> {
  const { args, preserve = 0 } = spec.process;
  if (options.announce) {
    announce(args, Deno.pid);
    for (const line of leftOut) options.say(`container: ${line}`);
  }
  using limits = cgroup &&
    new (await import("./limits.ts")).Limits(cgroup);
  makeLayers(spec, facts);
  const told = options.events ?? (() => {});
  let started = false;
  const status = await runParent({
    plan,
    args,
    announce: options.announce,
    debug: options.debug,
    preserve,
    foreground: facts.foreground,
  }, {
    prepare: (pid) => mapIdsOf(plan, pid),
    root: rootOnHost(spec.root.path),
    started(pid) {
      started = true;
      told({ event: "started", pid });
    },
  }).catch((error) => {
    if (started) told({ event: "exited", status: statusOf(error) });
    throw error;
  });
  told({ event: "exited", status });
  if (limits?.oomKilled()) {
    options.say(
      "container: the kernel killed a process of it for want of memory (out of memory); see --memory",
    );
  }
  return status;
}

/** The status that an error ends the program with. */
const statusOf = (error: unknown) =>
  error instanceof ContainerError ? error.status : EXIT.failure;

/** Maps the ids of a container's first process, where its plan says so. */
export function mapIdsOf(plan: Plan, pid: number): void {
  for (const step of plan.host) {
    if (step.step === "mapIds") mapIds(pid, step);
  }
}

/** Where to look for the reason when a command cannot be executed. */
export const rootOnHost = (path: string) => path === EMPTY_ROOTFS ? "/" : path;

/** Twelve hexadecimal digits, as docker's short ids. */
function containerId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
