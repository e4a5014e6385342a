/**
 * A step as words that follow "container will …" and "Cannot …": one text for
 * explain and for errors.
 */

import type { Step, StepKind, StepOf } from "./step.ts";

const and = (words: readonly string[]) =>
  words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;

const short = (names: readonly string[]) =>
  names.length ? and(names.map((name) => name.replace(/^CAP_/, ""))) : "none";

const octal = (mode: number) => mode.toString(8).padStart(4, "0");

const DESCRIPTIONS: { [K in StepKind]: (step: StepOf<K>) => string } = {
  joinNamespaces: ({ namespaces }) =>
    `join ${and(namespaces.map(({ type, path }) => `${type} of ${path}`))}`,
  clone: ({ namespaces }) =>
    namespaces.length
      ? `create a process in new ${and(namespaces)} namespaces`
      : "create a process",
  unshare: ({ namespaces }) => `enter new ${and(namespaces)} namespaces`,
  setHostname: ({ hostname }) => `set the hostname to ${hostname}`,
  raiseLoopback: () => "bring the loopback interface up",
  joinKeyring: () => "join a new session keyring",
  setProcessGroup: ({ foreground }) =>
    foreground
      ? "make it the terminal's foreground process group"
      : "give it a process group of its own",
  setParentDeathSignal: ({ signal }) =>
    `ask for ${signal} when the parent dies`,
  waitForParent: () => "wait for the parent",
  checkParent: () => "check that the parent is alive",
  setSignalMask: ({ blocked }) =>
    blocked.length ? `block ${and(blocked)}` : "unblock all signals",
  defaultSignals: ({ signals }) => `reset ${and(signals)} to the default`,
  closeDescriptors: ({ from, to }) =>
    `close every descriptor from ${from} ${to ? `to ${to}` : "upwards"}`,
  arrangeDescriptors: ({ count }) => `keep ${count} descriptors from 3 upwards`,
  reopenNull: ({ descriptors }) =>
    `open the container's /dev/null as ${and(descriptors.map(String))}`,
  executeSelf: ({ argv }) => `execute this program again: ${argv.join(" ")}`,
  setDumpable: ({ dumpable }) =>
    `make this process ${dumpable ? "dumpable" : "non-dumpable"}`,
  joinCgroups: ({ files }) => `join the cgroups of ${and(files)}`,
  openTree: ({ source }) => `open ${source}`,
  createFilesystem: ({ type }) => `create ${type}`,
  setMountAttributes: ({ mount, set, propagation }) =>
    `set ${and([...set, ...(propagation ? [propagation] : [])])} on ${
      "path" in mount ? mount.path : mount.name
    }`,
  attach: ({ target }) => `attach it at ${target}`,
  makeMountpoint: ({ path }) => `make the mountpoint ${path}`,
  mount: describeMount,
  mountOverlay: ({ root, upper }) =>
    `mount an overlay at ${root}, changes to ${upper ?? "memory"}`,
  pivotRoot: ({ root }) => `change the root to ${root} and detach the host's`,
  chroot: ({ root }) => `change the root directory to ${root}`,
  unmount: ({ target }) => `unmount ${target}`,
  maskPath: ({ path }) => `mask ${path}`,
  readonlyPath: ({ path }) => `make ${path} read-only`,
  makeDevice: ({ path }) => `make the device ${path}`,
  makeSymlink: ({ path, to }) => `link ${path} to ${to}`,
  writeFile: ({ path }) => `write ${path}`,
  setSysctl: ({ key, value }) => `set ${key} to ${value}`,
  setIds: ({ uid, gid }) => `become user ${uid} and group ${gid}`,
  keepCapabilities: () => "keep capabilities when the user changes",
  limitCapabilities: ({ bounding }) =>
    `limit the bounding set to ${short(bounding)}`,
  setCapabilities: ({ effective }) =>
    `set the capabilities to ${short(effective)}`,
  setNoNewPrivileges: () => "set no_new_privs",
  setRlimit: ({ type, soft, hard }) => `set ${type} to ${soft}:${hard}`,
  setOomScore: ({ score }) => `set oom_score_adj to ${score}`,
  setUmask: ({ mask }) => `set the umask to ${octal(mask)}`,
  setNice: ({ nice }) => `set the nice value to ${nice}`,
  setAffinity: ({ cpus }) => `run on CPUs ${cpus.join(",")} only`,
  setSeccomp: ({ profile }) => `install the seccomp filter ${profile}`,
  setLabel: ({ kind, label }) => `set the ${kind} label ${label}`,
  makeSession: () => "make a session",
  openTerminal: ({ size }) =>
    `open a terminal in the container${
      size ? `, ${size.width} by ${size.height}` : ""
    }`,
  shareTerminal: ({ streams }) =>
    `use the terminal as descriptor ${and(streams.map(String))} too`,
  changeDirectory: ({ path }) => `change the working directory to ${path}`,
  checkDirectory: () => "check that the working directory is inside the root",
  execute: ({ argv }) => `execute ${argv[0]}`,
  killAll: () => "kill and reap what is left",
  mapIds: ({ uids, helper }) =>
    `map user ids ${
      and(uids.map((map) => `${map.containerID}:${map.hostID}:${map.size}`))
    }${helper ? " with newuidmap" : ""}`,
  makeCgroup: ({ path }) => `make the cgroup ${path}`,
};

/** What the step does, without capital or full stop. */
export function describe(step: Step): string {
  return (DESCRIPTIONS[step.step] as (step: Step) => string)(step);
}

function describeMount(step: StepOf<"mount">): string {
  const has = (flag: typeof step.flags[number]) => step.flags.includes(flag);
  if (has("MS_PRIVATE")) return `make the mounts under ${step.target} private`;
  if (has("MS_SLAVE")) {
    return `make the mounts under ${step.target} receive only`;
  }
  if (has("MS_BIND")) {
    return step.source === step.target
      ? `bind mount ${step.source} on itself`
      : `bind mount ${step.source} at ${step.target}`;
  }
  return `mount ${step.type} at ${step.target}`;
}
