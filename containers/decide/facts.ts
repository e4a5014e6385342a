/**
 * Finds out what a plan depends on. Runs on the host, in the parent; reads and
 * changes nothing.
 */

import {
  parseLayout,
  parseUnifiedFlags,
} from "../../plan/mounts/cgroup_mounts.ts";
import type { Facts } from "../../plan/facts.ts";
import { hasNamespace } from "../../plan/namespaces.ts";
import { once } from "../../plan/once.ts";
import type { Rlimit, Spec } from "../../spec/types.ts";
import { hardLimit, RLIM_INFINITY } from "../../ffi/resource.ts";
import type { CgroupPlan } from "../../cgroup/step.ts";
import { type Caller, readCaller } from "./caller.ts";
import { deniesSetgroups, OWN_USER_NAMESPACE } from "./id_ranges.ts";
import { joinedDenies } from "./joined_groups.ts";
import { findPlaces } from "./places.ts";
import { readStreams, type StreamOptions } from "./streams.ts";
import { isInteractive } from "./terminal.ts";

/** What of the caller's environment a Deno of ours needs to start. */
const SELF_ENV = /^(HOME|XDG_CACHE_HOME|DENO_DIR|NO_COLOR|LD_LIBRARY_PATH)$/;

/** What the command line says beside the Spec. */
export interface FactOptions {
  init: boolean;
  /** It is created here and started by another command. */
  held?: boolean;
  chroot: boolean;
  mapHelper: boolean;
  /** The standard streams, where they are not ours. */
  streams: StreamOptions["streams"];
  /** Pipes among them that are ours were made for the container. */
  ownsPipes?: boolean;
  /** Files among them are handed over as they are. */
  inheritFiles?: boolean;
  /** Those that a terminal of the container's own would be. */
  terminalStreams: Facts["terminalStreams"];
  confineDevices: boolean;
  overlay: Facts["overlay"];
  rootKind: Facts["rootKind"];
  hostTree?: Facts["hostTree"];
  image: Facts["image"];
  seccomp: Facts["seccomp"];
  cgroup: CgroupPlan | null;
}

/** Reads the facts that a Spec's plan needs. */
export function readFacts(
  spec: Spec,
  options: FactOptions,
  caller: Caller = readCaller(),
): Facts {
  const { devices, nested } = caller;
  const inUserNamespace = hasNamespace(spec, "user");
  const places = once(() =>
    findPlaces(spec, {
      ...options,
      entersMore: inUserNamespace && caller.privileged,
    })
  );
  // Read when a step asks, which is while the child's runtime starts.
  const later = {
    changeRoot: once(() =>
      options.chroot || rootIsInitramfs() ? "chroot" : "pivot_root"
    ),
    files: once(() => [
      ...(spec.mounts ?? []).flatMap(({ source }) =>
        source?.startsWith("/") && isFile(source) ? [source] : []
      ),
      ...places().files,
    ]),
  };
  const { rlimits = [] } = spec.process;
  const [stdin = "inherit", , stderr = "inherit"] = options.streams;
  return {
    init: options.init,
    self: options.init
      ? { argv: selfArgv(), env: selfEnv() }
      : { argv: [], env: [] },
    held: options.held ?? false,
    closedToCaller: Boolean(options.held) && inUserNamespace && !caller.traces,
    get changeRoot() {
      return later.changeRoot();
    },
    get files() {
      return later.files();
    },
    get places() {
      return places();
    },
    ...readStreams({
      ...options,
      replaced: spec.process.terminal ? options.terminalStreams : [],
    }),
    // Where it is the pager's, a command that does read from it gets it then.
    foreground: stdin === "inherit" && isInteractive(),
    terminalStreams: options.terminalStreams,
    errorsOnTerminal: stderr === "inherit" && Deno.stderr.isTerminal(),
    raisedLimits: inUserNamespace ? aboveOurs(rlimits) : [],
    rootless: !caller.privileged,
    mapHelper: options.mapHelper,
    denySetgroups: ownDenies(caller) || groupsAreFixed(spec, options, caller),
    bindCgroups: inUserNamespace || nested,
    bindDevices: inUserNamespace || !devices,
    confineDevices: options.confineDevices,
    cgroupEntry: options.cgroup?.entry ?? null,
    cgroup: options.cgroup && {
      path: options.cgroup.groups.map(({ path }) => path).join(" "),
      writes: options.cgroup.steps.flatMap((step) =>
        step.step === "write" ? [{ file: step.path, value: step.value }] : []
      ),
    },
    cgroups: cgroupLayout(spec, options.cgroup),
    unifiedFlags: unifiedFlags(spec),
    seccomp: options.seccomp,
    overlay: options.overlay,
    rootKind: options.rootKind,
    hostTree: options.hostTree,
    image: options.image,
  };
}

/** Those whose hard limit is higher than the one we have, getrlimit(2). */
export const aboveOurs = (limits: readonly Rlimit[]): Rlimit[] =>
  limits.filter(({ type, hard }) => {
    const own = hardLimit(type);
    const wanted = hard < 0 ? RLIM_INFINITY : BigInt(hard);
    return own !== null && wanted > own;
  });

/**
 * The words that start this program again. A compiled one needs none but its
 * name; under `deno run` they are Deno's and the script.
 */
export function selfArgv(): string[] {
  const argv = ["/proc/self/exe"];
  if (Deno.build.standalone) return argv;
  return [
    ...argv,
    "run",
    "--allow-all",
    "--no-config",
    "--no-lock",
    "--cached-only",
    "--quiet",
    ...moduleFlags(),
    Deno.mainModule,
  ];
}

/** A source checkout maps its imports in deno.json; a bundle has none left. */
function moduleFlags(): string[] {
  if (!Deno.mainModule.endsWith(".ts")) return [];
  return ["--import-map", new URL("deno.json", Deno.mainModule).href];
}

/** What of the environment it needs for that. */
export function selfEnv(): string[] {
  return Object.entries(Deno.env.toObject())
    .filter(([name]) => SELF_ENV.test(name))
    .map(([name, value]) => `${name}=${value}`)
    // Deno has them in another order each time; a plan is to be the same.
    .sort();
}

/** pivot_root(2) cannot move the initial ramfs out of the way; read once. */
const rootIsInitramfs = once(() =>
  Deno.readTextFileSync("/proc/self/mountinfo").split("\n").some(
    (line) => {
      const [fields = "", source = ""] = line.split(" - ");
      return fields.split(" ")[4] === "/" && source.startsWith("rootfs ");
    },
  )
);

/** Read where there is something to mount by it. */
function cgroupLayout(
  { mounts, linux }: Spec,
  cgroup: CgroupPlan | null,
): Facts["cgroups"] {
  if (!mounts?.some(({ type }) => type === "cgroup")) return null;
  try {
    const layout = parseLayout(Deno.readTextFileSync("/proc/self/cgroup"));
    const sharesHosts = !linux.namespaces.some(({ type }) => type === "cgroup");
    return layout?.version === 1 && sharesHosts
      ? { ...layout, places: placesOf(layout.hierarchies, cgroup) }
      : layout;
  } catch (error) {
    // A kernel without cgroups.
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Read where what is mounted could be the host's own view. */
function unifiedFlags({ mounts, linux }: Spec): string[] {
  const hasOwn = linux.namespaces.some(({ type, path }) =>
    type === "cgroup" && path === undefined
  );
  const isMounted = mounts?.some(({ type }) =>
    type === "cgroup" || type === "cgroup2"
  );
  return hasOwn || !isMounted
    ? []
    : parseUnifiedFlags(Deno.readTextFileSync("/proc/self/mountinfo"));
}

/** The directory of a container's cgroup in each hierarchy of v1 that it is in. */
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

/** Whether groups are fixed where we are, and so in every user namespace below. */
export const ownDenies = ({ nested }: Caller): boolean =>
  nested && deniesSetgroups(OWN_USER_NAMESPACE);

/** Whether they are in its user namespace. */
function groupsAreFixed(
  { linux }: Spec,
  { mapHelper }: FactOptions,
  { capable }: Caller,
): boolean {
  const user = linux.namespaces.find(({ type }) => type === "user");
  if (!user) return false;
  return user.path === undefined
    ? !mapHelper && !capable
    : joinedDenies(user.path);
}

function isFile(path: string): boolean {
  try {
    return !Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
