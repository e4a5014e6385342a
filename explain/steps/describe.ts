/**
 * Describes a step in words that follow "container will …" and "Cannot …".
 * explain and errors use the same text. Pure.
 */

import { CAPABILITIES } from "../../plan/process/capabilities.ts";
import type { TimeOffset } from "../../spec/types.ts";
import type { LimitValue, Step, StepKind, StepOf } from "../../plan/step.ts";
import { HOST_DESCRIPTIONS } from "./describe_host.ts";
import { and, type Descriptions, type Names } from "./describing.ts";

const withoutPrefix = (names: readonly string[]) =>
  and(names.map((name) => name.replace(/^CAP_/, "")));

/** The shorter list: the names in the set, or those that are missing. */
function short(names: readonly string[]): string {
  if (!names.length) return "none";
  const missing = CAPABILITIES.filter((name) => !names.includes(name));
  if (!missing.length) return "all";
  return missing.length < names.length
    ? `all but ${withoutPrefix(missing)}`
    : withoutPrefix(names);
}

/** A limit in the syntax of --ulimit. */
const limit = (value: LimitValue) =>
  typeof value === "number" && value < 0 ? "unlimited" : String(value);

const octal = (mode: number) => mode.toString(8).padStart(4, "0");

const newNamespaces = (types: readonly string[]) =>
  types.length === 1
    ? `a new ${types[0]} namespace`
    : `new ${and(types)} namespaces`;

const offset = (clock: string, by?: TimeOffset) =>
  by ? [`${clock} off by ${by.secs + by.nanosecs / 1e9} seconds`] : [];

const DESCRIPTIONS: Descriptions<StepKind> = {
  ...HOST_DESCRIPTIONS,
  keepHold: () =>
    "keep the descriptors to the creating and the starting command",
  checkCommand: ({ candidates }) => `look for ${candidates.join(", ")}`,
  reportReady: () => "report that the container is created",
  waitForStart: () => "wait for the start",
  waitForHooks: () => "wait for the hooks",
  idle: () => "hold the namespaces open for commands that join them",
  serveFiles: () => "execute the helper that works on the sandbox's files",
  keepRoot: ({ path }) => `keep the root directory ${path}`,
  enterKeptRoot: () => "change the working directory to the saved root",
  visitRoot: ({ root }) => `make ${root} the root directory temporarily`,
  returnToRoot: () => "change the root directory back to the saved root",
  joinNamespaces: ({ namespaces }) =>
    `join ${
      and(namespaces.map(({ type, path }) => `the ${type} namespace ${path}`))
    }`,
  joinProcess: ({ pid, namespaces, root }) =>
    `enter ${
      and([
        ...namespaces.length ? [`the ${and(namespaces)} namespaces`] : [],
        ...root ? ["the root"] : [],
      ])
    } of process ${pid}`,
  clone: ({ namespaces, cgroup }) =>
    `create a process${
      namespaces.length ? ` in ${newNamespaces(namespaces)}` : ""
    }${cgroup === undefined ? "" : `, in the cgroup ${cgroup}`}`,
  unshare: ({ namespaces }) => `enter ${newNamespaces(namespaces)}`,
  setHostname: ({ hostname }) => `set the hostname to ${hostname}`,
  setDomainname: ({ domainname }) => `set the domain name to ${domainname}`,
  enterTimeNamespace: ({ monotonic, boottime }) =>
    `enter a new time namespace, ${
      and([...offset("monotonic", monotonic), ...offset("boottime", boottime)])
    }`,
  raiseLoopback: () => "bring the loopback interface up",
  joinKeyring: () => "join a new session keyring",
  setProcessGroup: ({ foreground }) =>
    foreground
      ? "become the terminal's foreground process group"
      : "create a new process group",
  setParentDeathSignal: ({ signal }) =>
    `request ${signal} for when the parent dies`,
  waitForParent: () => "wait for the parent",
  checkParent: () => "check that the parent is alive",
  setSignalMask: ({ blocked }) =>
    blocked.length ? `block ${and(blocked)}` : "unblock all signals",
  defaultSignals: () => "reset every signal to its default",
  closeDescriptors: ({ from, to }) =>
    `close all descriptors from ${from} ${to ? `to ${to}` : "up"}`,
  arrangeDescriptors: ({ count }) =>
    `keep ${count} descriptors, starting with 3`,
  giveStreams: ({ descriptors, uid }) =>
    `change the owner of descriptor ${
      and(descriptors.map(String))
    } to user ${uid}`,
  reopenNull: ({ descriptors, make }) =>
    `open the container's /dev/null${
      make ? ", or a new null device," : ""
    } as descriptor ${and(descriptors.map(String))}`,
  reopenDevice: ({ path, descriptors, make }) =>
    `open the container's ${path}${
      make ? ", or a new device," : ""
    } as descriptor ${and(descriptors.map(String))}`,
  announce: ({ text }) => `print ${text.trimEnd()}`,
  executeSelf: ({ argv }) => `execute this program again: ${argv.join(" ")}`,
  keepWalker: () => "keep the walker's own program",
  executeWalker: () => "execute the walker again",
  setDumpable: ({ dumpable }) =>
    `make this process ${dumpable ? "dumpable" : "non-dumpable"}`,
  openCgroups: ({ files, birthplace }) =>
    `open ${and(birthplace === undefined ? files : [...files, birthplace])}`,
  joinCgroups: ({ files }) => `join the cgroups of ${and(files)}`,
  openTree: ({ name, source }, as) => `open ${source}${as(name)}`,
  createFilesystem: ({ name, type }, as) =>
    `create ${type === "overlay" ? "an" : "a"} ${type} file system${as(name)}`,
  receiveMount: ({ name, descriptor }, as) =>
    `receive the mount on descriptor ${descriptor}${as(name)}`,
  setMountAttributes: ({ mount, of, set, clear = [], propagation }) =>
    `${
      and([
        ...(set.length || propagation
          ? [`set ${
            and([
              ...set,
              ...(propagation ? [`propagation ${propagation}`] : []),
            ])
          }`]
          : []),
        ...(clear.length ? [`clear ${and(clear)}`] : []),
      ])
    } on ${of ?? Object.values(mount)}`,
  attach: ({ name, target }, as) =>
    `attach ${as(name) ? name : "the mount"} at ${target}`,
  makeMountpoint: ({ path, kind }) => `create the ${kind} ${path}`,
  mount: describeMount,
  mountOverlay: ({ root, upper }) =>
    `mount an overlay at ${root}, with changes in ${upper ?? "memory"}`,
  pivotRoot: ({ root }) => `change the root to ${root} and detach the host's`,
  chroot: ({ root }) => `change the root directory to ${root}`,
  unmount: ({ target }) => `unmount ${target}`,
  maskPath: ({ path, cover }, as) =>
    `mask ${path}${as(cover) && `, with ${cover} if it is a file`}`,
  readonlyPath: ({ path }) => `make ${path} read-only`,
  makeDevice: ({ path }) => `create the device ${path}`,
  makeSymlink: ({ path, to }) => `link ${path} to ${to}`,
  writeFile: ({ path }) => `write ${path}`,
  makeFile: ({ path }) => `create the file ${path}`,
  setSysctl: ({ key, value }) => `set ${key} to ${value}`,
  setIds: ({ uid, gid }) => `become user ${uid} and group ${gid}`,
  keepCapabilities: () => "keep capabilities when the user changes",
  limitCapabilities: ({ bounding }) =>
    `limit the bounding set to ${short(bounding)}`,
  setCapabilities: ({ effective }) =>
    `set the capabilities to ${short(effective)}`,
  setNoNewPrivileges: () => "set no_new_privs",
  setRlimit: ({ type, soft, hard }) =>
    `set ${type} to ${[soft, hard].map(limit).join(":")}`,
  setOomScore: ({ score }) => `set oom_score_adj to ${score}`,
  setUmask: ({ mask }) => `set the umask to ${octal(mask)}`,
  setNice: ({ nice }) => `set the nice value to ${nice}`,
  setAffinity: ({ cpus }) =>
    cpus === "all"
      ? "allow every CPU of the cgroup"
      : `allow only the CPUs ${cpus.join(",")}`,
  setIoPriority: (step) =>
    `set the I/O priority ${step.class} ${step.priority}`,
  setScheduler: ({ policy }) => `set the scheduling policy ${policy}`,
  setMemoryPolicy: ({ mode, nodes }) =>
    `set the memory policy ${mode}${
      nodes.length ? ` on nodes ${nodes.join(",")}` : ""
    }`,
  setSeccomp: ({ profile }) =>
    profile === "default"
      ? "install the default seccomp filter"
      : profile === "learn"
      ? "install a seccomp filter that reports every system call"
      : `install the seccomp filter of ${profile}`,
  keepSocket: ({ to }) => `keep the socket to the parent as descriptor ${to}`,
  sendListener: () =>
    "send the descriptor for the filter's notifications to the parent",
  setPersonality: ({ domain }) => `set the personality ${domain}`,
  createRuleset: ({ ports, scopes }) =>
    `prepare a Landlock ruleset for ${
      and(["files", ...ports, ...scopes.map((scope) => `scope ${scope}`)])
    }`,
  allowBelow: ({ path, allow }) => `allow ${allow} below ${path}`,
  allowPort: ({ port, right }) => `allow ${right} to port ${port}`,
  restrictSelf: () => "apply the Landlock rules",
  setLabel: ({ kind, label }) => `set the ${kind} label ${label}`,
  makeSession: () => "create a session",
  openTerminal: ({ size }) =>
    `open a terminal in the container${
      size ? `, ${size.width} by ${size.height}` : ""
    }`,
  shareTerminal: ({ streams }) =>
    `also use the terminal as descriptor ${and(streams.map(String))}`,
  changeDirectory: ({ path }) => `change the working directory to ${path}`,
  checkDirectory: () => "check that the working directory is inside the root",
  execute: ({ argv }) => `execute ${argv[0]}`,
  killAll: () => "kill and reap the remaining processes",
};

/**
 * What the step does, without a capital letter or full stop.
 *
 * @param names also say under which name a mount and the like is kept for a
 * later step. For output that shows the whole plan.
 */
export function describe(
  step: Step,
  { names = false }: { names?: boolean } = {},
): string {
  return (DESCRIPTIONS[step.step] as (step: Step, as: Names) => string)(
    step,
    (name) => names ? ` as ${name}` : "",
  );
}

function describeMount(step: StepOf<"mount">): string {
  const has = (flag: typeof step.flags[number]) => step.flags.includes(flag);
  if (has("MS_PRIVATE")) return `make the mounts under ${step.target} private`;
  if (has("MS_SLAVE")) {
    return `make the mounts under ${step.target} receive-only`;
  }
  if (has("MS_BIND")) {
    return step.source === step.target
      ? `bind mount ${step.source} on itself`
      : `bind mount ${step.source} at ${step.target}`;
  }
  return `mount ${step.type} at ${step.target}`;
}
