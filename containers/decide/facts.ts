/**
 * Collects the facts about this machine that a plan depends on. Only reads and
 * decides; changes nothing. Runs on the host, in the parent.
 */

import {
  parseLayout,
  parseUnifiedFlags,
} from "../../plan/mounts/cgroup_mounts.ts";
import type { Facts, ProcessFacts } from "../../plan/facts.ts";
import { hasNamespace } from "../../plan/namespaces.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { RLIM_INFINITY } from "../../ffi/resource.ts";
import type { CgroupPlan } from "../../cgroup/step.ts";
import type { Rlimit, Spec } from "../../spec/types.ts";
import { onceIn } from "../world/once_in.ts";
import type { World } from "../world/world.ts";
import {
  deniesSetgroups,
  OWN_USER_NAMESPACE,
  PROCESS_USER_NAMESPACE,
} from "./id_ranges.ts";
import { findPlaces } from "./places.ts";
import { orNull, type Requester } from "./requester.ts";
import { readStreams } from "./streams.ts";
import { isInteractive } from "./terminal.ts";

/**
 * The environment variables that a Deno child of this program needs to start.
 */
const SELF_ENV = [
  "DENO_DIR",
  "HOME",
  "LD_LIBRARY_PATH",
  "NO_COLOR",
  "XDG_CACHE_HOME",
];

/** Decisions about a process that its Spec does not contain. */
export interface ProcessOptions extends
  Pick<
    ProcessFacts,
    | "init"
    | "waits"
    | "outlives"
    | "joins"
    | "home"
    | "anyCpu"
    | "plainLines"
    | "terminalSettings"
    | "terminalStreams"
    | "seccomp"
    | "landlock"
  > {
  /** Pipes among the requester's streams were created for the container. */
  ownsPipes?: boolean;
  /** Files among the streams are passed as they are. */
  inheritFiles?: boolean;
  /** Steps on the host, in addition to those of the cgroup. */
  hostSteps?: ProcessFacts["hostSteps"];
}

/** Decisions about a container that its Spec does not contain. */
export interface FactOptions extends
  ProcessOptions,
  Pick<
    Facts,
    | "announces"
    | "mapHelper"
    | "makesDirectory"
    | "nodesInRoot"
    | "confineDevices"
    | "rootKind"
    | "hostTree"
    | "image"
    | "keepKeyring"
    | "layers"
    | "mountedImages"
    | "overlay"
    | "record"
    | "volumes"
  > {
  chroot: boolean;
  cgroup: CgroupPlan | null;
  /** Files that a host step makes before they are mounted. */
  madeFiles?: readonly string[];
}

/** What a process enters. */
export interface Entered {
  /** Whether it enters another user namespace. */
  userNamespace: boolean;
  /** Whether setgroups(2) is denied there. */
  deniesSetgroups: boolean;
  cgroupEntry: ProcessFacts["cgroupEntry"];
}

/** Reads the facts that the plan of a new container needs. */
export function readFacts(
  spec: Spec,
  options: FactOptions,
  requester: Requester,
): Facts {
  const { chroot, cgroup, madeFiles = [], ...others } = options;
  const { init, waits, rootKind, overlay } = options;
  const { caller, world } = requester;
  const inUserNamespace = hasNamespace(spec, "user");
  const places = findPlaces(spec, {
    rootKind,
    overlay,
    entersMore: inUserNamespace && caller.privileged,
    madeFiles,
  }, world);
  return {
    ...decided(others),
    ...streamFacts(spec, options, requester),
    self: init
      ? { argv: [...world.program()], env: childEnv(world) }
      : { argv: [], env: [] },
    closedToCaller: waits && inUserNamespace && !caller.traces,
    changeRoot: chroot || rootIsInitramfs(world) ? "chroot" : "pivot_root",
    files: [
      ...filesAmong(spec, world),
      ...places.files,
      ...madeFiles,
    ],
    places,
    raisedLimits: inUserNamespace ? limitsAbove(spec, world) : [],
    rootless: !caller.privileged,
    denySetgroups: ownDenies(requester) ||
      groupsAreFixed(spec, options, requester),
    bindCgroups: inUserNamespace || caller.nested,
    bindDevices: inUserNamespace || !caller.devices,
    cgroupEntry: cgroup?.entry ?? null,
    hostSteps: [...cgroup?.steps ?? [], ...options.hostSteps ?? []],
    cgroups: cgroupLayout(spec, cgroup, world),
    unifiedFlags: unifiedFlags(spec, world),
  };
}

/**
 * Reads the facts for a process in a container that exists. This process never
 * passes the foreground of its terminal on to it.
 */
export function readProcessFacts(
  spec: Spec,
  options: ProcessOptions,
  { userNamespace, deniesSetgroups, cgroupEntry }: Entered,
  requester: Requester,
): ProcessFacts {
  const { caller, world } = requester;
  return {
    ...decided(options),
    ...streamFacts(spec, options, requester),
    hostSteps: options.hostSteps ?? [],
    foreground: false,
    raisedLimits: userNamespace ? limitsAbove(spec, world) : [],
    denySetgroups: ownDenies(requester) || userNamespace && deniesSetgroups,
    bindDevices: hasNamespace(spec, "user") || !caller.devices,
    cgroupEntry,
  };
}

/** The facts that are decisions: without those that are undefined. */
function decided<T extends ProcessOptions>(
  { ownsPipes: _, inheritFiles: __, ...facts }: T,
) {
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined) delete (facts as Record<string, unknown>)[name];
  }
  return facts;
}

function streamFacts(
  { process }: Spec,
  { terminalStreams, ownsPipes, inheritFiles }: ProcessOptions,
  { world, streams }: Requester,
) {
  const [stdin = "inherit", , stderr = "inherit"] = streams;
  const replaced = process.terminal ? terminalStreams : [];
  return {
    ...readStreams({ streams, replaced, ownsPipes, inheritFiles }, world),
    // In a pipeline the pager may own the terminal. A command that reads from
    // the terminal then gets the foreground when it reads.
    foreground: stdin === "inherit" && isInteractive(world),
    errorsOnTerminal: stderr === "inherit" && world.isTerminal(2),
  };
}

/** The command's limits with a higher hard limit than the requester has. */
function limitsAbove({ process }: Spec, world: World): Rlimit[] {
  const { rlimits = [] } = process;
  return rlimits.filter(({ type, hard }) => {
    const own = world.hardLimit(type);
    const wanted = hard < 0 ? RLIM_INFINITY : BigInt(hard);
    return own !== null && wanted > BigInt(own);
  });
}

/** The environment that the program needs to start again, as `K=V`. */
export const selfEnv = (world: Pick<World, "variable">): string[] =>
  SELF_ENV.flatMap((name) => {
    const value = world.variable(name);
    return value === null ? [] : [`${name}=${value}`];
  });

/**
 * The environment of PID 1. In the compiled program, which needs no further
 * words to start, PID 1 is native and needs none: nothing of the caller's
 * environment gets inside.
 */
const childEnv = (world: World) =>
  world.program().length > 1 ? selfEnv(world) : [];

/** pivot_root(2) does not work on the initial ramfs. */
const rootIsInitramfs = onceIn((world) => world.startsInRamfs());

/** The sources of mounts that are not directories. */
const filesAmong = ({ mounts = [] }: Spec, world: World) =>
  mounts.flatMap(({ source }) => {
    if (!source?.startsWith("/")) return [];
    const info = orNull(() => world.stat(source));
    return info && info.type !== "directory" ? [source] : [];
  });

/** Reads the layout only if there is a cgroup mount. */
function cgroupLayout(
  { mounts, linux }: Spec,
  cgroup: CgroupPlan | null,
  world: World,
): Facts["cgroups"] {
  if (!mounts?.some(({ type }) => type === "cgroup")) return null;
  try {
    const layout = parseLayout(world.readText("/proc/self/cgroup"));
    const sharesHosts = !linux.namespaces.some(({ type }) => type === "cgroup");
    return layout?.version === 1 && sharesHosts
      ? { ...layout, places: placesOf(layout.hierarchies, cgroup) }
      : layout;
  } catch (error) {
    // The kernel has no cgroups.
    if (error instanceof SyscallError && error.code === "ENOENT") return null;
    throw error;
  }
}

/** Reads the flags only if the mount could show the host's own view. */
function unifiedFlags({ mounts, linux }: Spec, world: World): string[] {
  const hasOwn = linux.namespaces.some(({ type, path }) =>
    type === "cgroup" && path === undefined
  );
  const isMounted = mounts?.some(({ type }) =>
    type === "cgroup" || type === "cgroup2"
  );
  return hasOwn || !isMounted
    ? []
    : parseUnifiedFlags(world.readText("/proc/self/mountinfo"));
}

/** For each v1 hierarchy that the container's cgroup is in: its directory. */
function placesOf(
  hierarchies: readonly string[],
  cgroup: CgroupPlan | null,
): Record<string, string> {
  return Object.fromEntries(
    hierarchies.flatMap((names) => {
      const group = cgroup?.groups.find(({ version, controllers }) =>
        version === 1 &&
        controllers.some((name) => names.split(",").includes(name))
      );
      return group ? [[names, group.path]] : [];
    }),
  );
}

/**
 * Whether setgroups(2) is denied in the requester's user namespace, and
 * therefore in all below it.
 */
const ownDenies = ({ caller, world }: Requester) =>
  caller.nested && deniesSetgroups(OWN_USER_NAMESPACE, world);

/** Whether setgroups(2) is denied in the container's user namespace. */
export function groupsAreFixed(
  { linux }: Spec,
  { mapHelper }: Pick<FactOptions, "mapHelper">,
  { caller, world }: Requester,
): boolean {
  const user = linux.namespaces.find(({ type }) => type === "user");
  if (!user) return false;
  const { path } = user;
  if (path === undefined) return !mapHelper && !caller.capable;
  // A bind mount of a namespace may have no process to ask.
  return PROCESS_USER_NAMESPACE.test(path)
    ? deniesSetgroups(path, world)
    : world.namespaceFixesGroups(path);
}
