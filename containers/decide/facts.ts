/**
 * Collects the facts about this machine that a plan depends on. Only reads and
 * decides; changes nothing. Runs on the host, in the parent.
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

/**
 * The environment variables that a Deno child of this program needs to start.
 */
const SELF_ENV = /^(HOME|XDG_CACHE_HOME|DENO_DIR|NO_COLOR|LD_LIBRARY_PATH)$/;

/** Decisions that the Spec does not contain. */
export interface FactOptions {
  init: boolean;
  /** One command creates the container, another command starts it. */
  held?: boolean;
  chroot: boolean;
  mapHelper: boolean;
  /** The standard streams, if they are not those of this process. */
  streams: StreamOptions["streams"];
  /** Pipes among this process's streams were created for the container. */
  ownsPipes?: boolean;
  /** Files among the streams are passed as they are. */
  inheritFiles?: boolean;
  /** The streams that a terminal of the container would replace. */
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
  // Evaluated when a step asks for them, while the child's runtime starts.
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
    // In a pipeline the pager may own the terminal. A command that reads from
    // the terminal then gets the foreground when it reads.
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

/** The limits with a higher hard limit than this process has, getrlimit(2). */
export const aboveOurs = (limits: readonly Rlimit[]): Rlimit[] =>
  limits.filter(({ type, hard }) => {
    const own = hardLimit(type);
    const wanted = hard < 0 ? RLIM_INFINITY : BigInt(hard);
    return own !== null && wanted > own;
  });

/**
 * The argv that starts this program again. The compiled program needs only its
 * own name; under `deno run` the argv holds Deno's arguments and the script.
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

/**
 * A source checkout maps its imports in deno.json; a bundle has no imports
 * left.
 */
function moduleFlags(): string[] {
  if (!Deno.mainModule.endsWith(".ts")) return [];
  return ["--import-map", new URL("deno.json", Deno.mainModule).href];
}

/** The environment that {@linkcode selfArgv} needs, as `K=V`. */
export function selfEnv(): string[] {
  return Object.entries(Deno.env.toObject())
    .filter(([name]) => SELF_ENV.test(name))
    .map(([name, value]) => `${name}=${value}`)
    // Deno returns them in a random order, and a plan must be reproducible.
    .sort();
}

/** pivot_root(2) does not work on the initial ramfs. Read once. */
const rootIsInitramfs = once(() =>
  Deno.readTextFileSync("/proc/self/mountinfo").split("\n").some(
    (line) => {
      const [fields = "", source = ""] = line.split(" - ");
      return fields.split(" ")[4] === "/" && source.startsWith("rootfs ");
    },
  )
);

/** Reads the layout only if there is a cgroup mount. */
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
    // The kernel has no cgroups.
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Reads the flags only if the mount could show the host's own view. */
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
 * Whether setgroups(2) is denied in this user namespace, and therefore in all
 * below it.
 */
export const ownDenies = ({ nested }: Caller): boolean =>
  nested && deniesSetgroups(OWN_USER_NAMESPACE);

/** Whether setgroups(2) is denied in the container's user namespace. */
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
