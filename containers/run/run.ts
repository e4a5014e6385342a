/**
 * Runs one container from its options to its end. Runs on the host, in the
 * process the user started; that process is the container's parent.
 */

import { announce } from "../../launch/child.ts";
import type { HostMounts } from "../../launch/host/host_mounts.ts";
import { mapIds } from "../../launch/host/id_maps.ts";
import { EndedEarly } from "../../launch/attend/early_end.ts";
import { runParent } from "../../launch/attend/parent.ts";
import { compile } from "../../plan/compile.ts";
import type { Facts } from "../../plan/facts.ts";
import { asksForMap, hasHostMounts } from "../../plan/mounts/host_mounts.ts";
import { hasNamespace } from "../../plan/namespaces.ts";
import type { Plan } from "../../plan/step.ts";
import { ContainerError, EXIT } from "../../spec/errors.ts";
import type { Resources } from "../../spec/resources.ts";
import type { Spec } from "../../spec/types.ts";
import type { CgroupPlan } from "../../cgroup/step.ts";
import { readCaller } from "../decide/caller.ts";
import { recordsDirectory, sweepLeftovers } from "./leftovers.ts";
import { layersIn, makeLayers } from "../../launch/host/overlay_layers.ts";
import { type FactOptions, readFacts } from "../decide/facts.ts";
import { mountpointsOf } from "./mountpoints.ts";
import type { PlannedLimits } from "../decide/limits.ts";
import type { ContainerOptions } from "../decide/options.ts";
import {
  type LearnTarget,
  learnTarget,
  seccompFilter,
} from "../decide/seccomp.ts";
import { EMPTY_ROOTFS, rootKindOf } from "../decide/root_filesystem.ts";
import { decide } from "../decide/spec.ts";
import type { StatusEvent } from "./status_lines.ts";
import { findUser, namesAccounts } from "../decide/users.ts";
import { terminalStreams } from "../decide/terminal.ts";

/** Options of `run` that do not describe the container. */
export interface RunOptions {
  /** Print `running […] as PID`, in the parent and in the child. */
  announce: boolean;
  /** Print stack traces. */
  debug: boolean;
  /** Takes messages of this program, as opposed to the command's output. */
  say: (line: string) => void;
  /** Receives the events of the container. */
  events?: (event: StatusEvent) => void;
}

/** Everything that is decided before anything is done, without the plan. */
export interface Decided {
  spec: Spec;
  facts: Facts;
  cgroup: CgroupPlan | null;
  /** Where a learned profile is written; null if none is learned. */
  learn: LearnTarget | null;
  /** What the container cannot have, one sentence each. */
  leftOut: string[];
  /** Why limits that were requested will not hold. */
  unlimited: ContainerError[];
}

/** {@linkcode Decided} with the plan. */
export interface Prepared extends Decided {
  plan: Plan;
}

const NO_LIMITS: PlannedLimits = { cgroup: null, leftOut: [] };

/**
 * Decides everything and makes the plan; changes nothing.
 *
 * @throws {UsageError} or {SpecError} for options that are invalid or cannot be
 * met
 */
export async function prepare(
  options: ContainerOptions,
  rootfs: string,
  streams?: FactOptions["streams"],
): Promise<Prepared> {
  const decided = await decideAll(options, rootfs, streams);
  return { ...decided, plan: compile(decided.spec, decided.facts) };
}

/**
 * Decides everything; changes nothing.
 *
 * @param held plans the cgroup of a container that one command creates and
 * another command starts
 */
export async function decideAll(
  options: ContainerOptions,
  rootfs: string,
  streams: FactOptions["streams"] = [],
  held?: (resources: Resources, parent?: string) => CgroupPlan | null,
): Promise<Decided> {
  const rootKind = rootKindOf(rootfs);
  const wanted = { user: options.user ?? "0", groupAdd: options.groups ?? [] };
  const inspected = rootKind === "image"
    ? await inspect(rootfs, options, namesAccounts(wanted))
    : null;
  const user = findUser(
    rootfs === EMPTY_ROOTFS ? "/" : rootfs,
    wanted,
    inspected?.accounts,
  );
  const { spec, mapHelper, init, leftOut } = decide(
    options,
    rootfs,
    user,
    readCaller(),
    streams,
  );
  const { devices, resources } = options.devices?.length
    ? (await import("../decide/devices.ts")).findDevices(options, readCaller())
    : { devices: [], resources: options.resources };
  spec.linux.devices = devices;
  if (spec.mounts?.some(asksForMap)) {
    (await import("../decide/idmaps.ts")).resolveIdmaps(spec, readCaller());
  }
  const { cgroup, leftOut: unlimited } = held
    ? { cgroup: held(resources ?? {}, options.cgroupParent), leftOut: [] }
    : resources || options.cgroupParent
    ? (await import("../decide/limits.ts")).planLimits({
      id: containerId(),
      resources: resources ?? {},
      parent: options.cgroupParent,
      rootless: !readCaller().privileged,
    })
    : NO_LIMITS;
  leftOut.push(...notLimited(unlimited));
  const factOptions: FactOptions = {
    init,
    held: held !== undefined,
    chroot: options.chroot ?? false,
    rootKind,
    image: inspected?.image ?? null,
    mapHelper,
    streams,
    inheritFiles: options.streams === "inherit",
    terminalStreams: terminalStreams(options),
    confineDevices: !options.privileged,
    overlay: options.overlay
      ? layersIn(options.overlay)
      : options.ephemeral
      ? { upper: null, work: null }
      : null,
    hostTree: rootKind === "host" && options.ephemeral &&
        hasNamespace(spec, "user")
      ? (await import("../decide/host_tree.ts")).readHostTree(spec, leftOut)
      : null,
    seccomp: options.privileged && !options.seccomp
      ? null
      : await seccompFilter(
        options.seccomp ?? "default",
        spec,
        leftOut,
      ),
    cgroup,
  };
  const facts = readFacts(spec, factOptions);
  if (options.landlock) {
    const { landlockSteps } = await import("../decide/landlock.ts");
    facts.landlock = landlockSteps(options.landlock, spec, leftOut);
  }
  return {
    spec,
    facts,
    cgroup,
    learn: learnTarget(options.seccomp ?? "default"),
    leftOut,
    unlimited,
  };
}

/** The content of an image file, and its account files if they are needed. */
async function inspect(
  path: string,
  options: ContainerOptions,
  accounts: boolean,
) {
  const { inspectImage, usersInImage } = await import(
    "../decide/image_file.ts"
  );
  const image = inspectImage(path, options, readCaller());
  return {
    image,
    accounts: accounts ? await usersInImage(image) : undefined,
  };
}

/**
 * Runs a container and waits for its end.
 *
 * @returns the status of the command; 128+n if signal n killed it
 * @throws {ContainerError} if the container cannot be set up or the command
 * cannot be executed
 */
export async function run(
  { spec, facts, plan, cgroup, learn, leftOut }: Prepared,
  options: RunOptions,
): Promise<number> {
  const { args, preserve = 0 } = spec.process;
  using learner = learn &&
    new (await import("./learn.ts")).Learner(learn, options.say);
  await sweepLeftovers();
  if (options.announce) {
    announce(args, Deno.pid);
    for (const line of leftOut) options.say(`container: ${line}`);
  }
  using limits = cgroup &&
    await (await import("../../launch/host/limits.ts")).Limits.make(
      cgroup,
      recordsDirectory(),
    );
  makeLayers(spec, facts);
  using mounts = await hostMounts(plan);
  const told = options.events ?? (() => {});
  const mountpoints = options.announce ? mountpointsOf(spec, facts) : null;
  const sayMade = () => {
    for (const path of mountpoints?.made() ?? []) {
      options.say(
        `container: created ${path} in the root filesystem for a mount`,
      );
    }
  };
  let started = false;
  const status = await runParent({
    plan,
    args,
    announce: options.announce,
    debug: options.debug,
    preserve,
    foreground: facts.foreground,
    mounts: mounts?.fds,
    terminal: spec.process.terminal ?? false,
  }, {
    prepare: (pid) => mapIdsOf(plan, pid),
    listened: learner?.listened,
    root: rootOnHost(spec.root.path, plan, mounts),
    started(pid) {
      started = true;
      told({ event: "started", pid });
    },
    setUp: sayMade,
  }).catch((error) => {
    if (started) told({ event: "exited", status: statusOf(error) });
    // After EndedEarly the file system may not respond, so it is not checked
    // again.
    if (!(error instanceof EndedEarly)) sayMade();
    throw error;
  });
  sayMade();
  await learner?.finish(status);
  told({ event: "exited", status });
  const oom = limits?.oomMessage();
  if (oom) options.say(`container: ${oom}`);
  return status;
}

/**
 * Makes the mounts that have to be made on the host; null if there are none.
 */
export async function hostMounts(plan: Plan): Promise<HostMounts | null> {
  if (!hasHostMounts(plan)) return null;
  return await (await import("../../launch/host/host_mounts.ts"))
    .makeHostMounts(plan);
}
/**
 * A sentence for each limit that will not hold. Consecutive limits share one
 * hint.
 */
const notLimited = (errors: readonly ContainerError[]) =>
  errors.map(({ message, hint }, index) =>
    `${
      message.replace(
        /^Cannot ([^:]*)/,
        "cannot $1, so this limit is not applied",
      )
    }${hint === errors[index + 1]?.hint ? "" : `. ${hint}`}`
  );

/** The status that this program ends with after an error. */
const statusOf = (error: unknown) =>
  error instanceof ContainerError ? error.status : EXIT.failure;

/** Maps the ids of a container's first process if its plan says so. */
export function mapIdsOf(plan: Plan, pid: number): void {
  for (const step of plan.host) {
    if (step.step === "mapIds") mapIds(pid, step);
  }
}

/** The root directory in which to find out why a command cannot be executed. */
export function rootOnHost(
  path: string,
  { host }: Plan,
  mounts: HostMounts | null,
): string {
  if (path === EMPTY_ROOTFS) return "/";
  const image = host.find((step) => step.step === "mountImage");
  const mount = image && mounts?.fds[image.descriptor];
  return mount ? `/proc/self/fd/${mount.fd}` : path;
}

/**
 * A random id of hexadecimal digits: twelve, like docker's short ids, or two
 * for each of `count` bytes.
 */
export function containerId(count = 6): string {
  const bytes = crypto.getRandomValues(new Uint8Array(count));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
