/**
 * What the kernel demands for each step: capabilities, the user namespace of
 * each, and the kernel version. Pure data and lookups; nothing here decides
 * what is done.
 *
 * A capability is always relative to a user namespace, user_namespaces(7): root
 * of a new one has every capability in it and none outside. Most calls check
 * the namespace of the calling process. A few check the initial one, and a
 * process in another namespace never has capabilities there.
 */

import type { Asked, Capability, Entry } from "./needs_entry.ts";
import type { NamespaceType } from "../../spec/types.ts";
import { HOST_NEEDS } from "./needs_host.ts";
import { LANDLOCK_NEEDS } from "./needs_landlock.ts";
import { OCI_NEEDS } from "./needs_oci.ts";
import { SINCE, type Since, youngest } from "./since.ts";
import { inOrder, type Ordered } from "./order.ts";
import type { Plan, Step, StepKind } from "../../plan/step.ts";

/**
 * The user namespace of a capability: the one that `run` was called in, the one
 * that the container has created or joined, or the initial one.
 */
export type Owner = "host" | "container" | "initial";

/** A capability that a step needs. */
export interface CapabilityNeed {
  name: Capability;
  userNamespace: Owner;
  /** The case in which it is needed. Absent: always. */
  when?: string;
}

/** The needs of a step. */
export interface Needs {
  capabilities: CapabilityNeed[];
  /** A permission that is not a capability, for example on a file. */
  access?: string;
  /** The newest feature that it uses. */
  kernel: Since | null;
}

const here = (name: Capability, when?: string): Asked[] => [
  { name, in: "here", ...(when ? { when } : {}) },
];
const initial = (name: Capability, when?: string): Asked[] => [
  { name, in: "initial", ...(when ? { when } : {}) },
];

/** For mount(2) and all related calls. */
const MOUNTING = here("CAP_SYS_ADMIN");

/** For creating a device that replaces a standard stream. */
const MAKING_DEVICE = [
  ...here("CAP_SYS_ADMIN", "if the container does not have one"),
  ...initial("CAP_MKNOD", "if the container does not have one"),
];

const WHERE_MISSING = "write access to the directory if it is missing";
const feature = (version: string, what: string) => () => [{ version, what }];

const NAMESPACE_SINCE: Record<NamespaceType, string> = {
  mount: "2.4.19",
  uts: "2.6.19",
  ipc: "2.6.19",
  pid: "2.6.24",
  network: "2.6.29",
  user: "3.8",
  cgroup: "4.6",
  time: "5.6",
};

const namespacesSince = (types: readonly NamespaceType[]): Since[] =>
  types.map((type) => ({
    version: NAMESPACE_SINCE[type],
    what: `${type} namespaces`,
  }));

/** Flags that are newer than mount(2) itself. */
const MOUNT_FLAGS_SINCE = [
  { version: "2.4", what: "MS_BIND" },
  { version: "2.6.15", what: "MS_PRIVATE" },
  { version: "2.6.15", what: "MS_SLAVE" },
  { version: "2.6.15", what: "MS_SHARED" },
  { version: "2.6.15", what: "MS_UNBINDABLE" },
  { version: "5.10", what: "MS_NOSYMFOLLOW" },
] as const;

const NO_SYMFOLLOW = { version: "5.14", what: "MOUNT_ATTR_NOSYMFOLLOW" };

/** For moving a process, cgroups(7) on containment. */
const JOINING_CGROUP =
  "write access to cgroup.procs or tasks, on v2 also in the nearest common ancestor";

/** The flags of a filter, by their bits in seccomp(2). */
const FILTER_FLAGS = [
  { bit: 1, version: "3.17", what: "SECCOMP_FILTER_FLAG_TSYNC" },
  { bit: 2, version: "4.14", what: "SECCOMP_FILTER_FLAG_LOG" },
  { bit: 4, version: "4.17", what: "SECCOMP_FILTER_FLAG_SPEC_ALLOW" },
  { bit: 8, version: "5.0", what: "SECCOMP_FILTER_FLAG_NEW_LISTENER" },
  { bit: 32, version: "5.19", what: "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" },
] as const;

const NEEDS: { readonly [K in StepKind]: Entry<K> } = {
  ...HOST_NEEDS,
  ...OCI_NEEDS,
  ...LANDLOCK_NEEDS,
  joinNamespaces: {
    capabilities: ({ namespaces }) => [
      {
        name: "CAP_SYS_ADMIN",
        in: "here",
        when: "and in the user namespace that owns the joined namespace",
      },
      ...(namespaces.some(({ type }) => type === "mount")
        ? here("CAP_SYS_CHROOT")
        : []),
    ],
    features: ({ namespaces }) =>
      namespacesSince(namespaces.map(({ type }) => type)),
  },
  joinProcess: {
    capabilities: [...here("CAP_SYS_ADMIN"), ...here("CAP_SYS_CHROOT")],
    features: feature("5.8", "setns(2) of a process"),
  },
  clone: {
    // The kernel creates the user namespace first, and it gives the
    // capabilities for the others.
    capabilities: ({ namespaces }) =>
      namespaces.length && !namespaces.includes("user")
        ? here("CAP_SYS_ADMIN")
        : [],
    access: ({ cgroup }) => cgroup === undefined ? undefined : JOINING_CGROUP,
    features: ({ namespaces, cgroup }) => [
      { version: "5.5", what: "CLONE_CLEAR_SIGHAND" },
      ...(cgroup === undefined
        ? []
        : [{ version: "5.7", what: "CLONE_INTO_CGROUP" }]),
      ...namespacesSince(namespaces),
    ],
  },
  unshare: {
    capabilities: here("CAP_SYS_ADMIN"),
    features: ({ namespaces }) => namespacesSince(namespaces),
  },
  setHostname: { capabilities: here("CAP_SYS_ADMIN") },
  setDomainname: { capabilities: here("CAP_SYS_ADMIN") },
  enterTimeNamespace: {
    capabilities: [...here("CAP_SYS_ADMIN"), ...here("CAP_SYS_TIME")],
    features: feature("5.6", "time namespaces"),
  },
  raiseLoopback: { capabilities: here("CAP_NET_ADMIN") },
  joinKeyring: {},
  setProcessGroup: {},
  setParentDeathSignal: {},
  waitForParent: {},
  checkParent: {},
  setSignalMask: {},
  defaultSignals: {},
  closeDescriptors: {},
  arrangeDescriptors: {},
  giveStreams: {},
  reopenNull: { capabilities: ({ make }) => make ? MAKING_DEVICE : [] },
  reopenDevice: { capabilities: ({ make }) => make ? MAKING_DEVICE : [] },
  announce: {},
  executeSelf: { features: feature("5.11", "CLOSE_RANGE_CLOEXEC") },
  setDumpable: {},
  openCgroups: { access: "write access to cgroup.procs or tasks" },
  joinCgroups: { access: JOINING_CGROUP },
  openTree: { capabilities: MOUNTING },
  createFilesystem: {
    capabilities: MOUNTING,
    features: ({ attributes, options }) => [
      ...(attributes.includes("MOUNT_ATTR_NOSYMFOLLOW") ? [NO_SYMFOLLOW] : []),
      ...(options.some((option) => option.startsWith("lowerdir+="))
        ? [{ version: "6.8", what: "overlay layers one by one" }]
        : []),
    ],
  },
  checkCommand: { access: "permission to execute the file" },
  receiveMount: { features: feature("2.6.24", "F_DUPFD_CLOEXEC") },
  setMountAttributes: {
    capabilities: MOUNTING,
    features: ({ set }) =>
      set.includes("MOUNT_ATTR_NOSYMFOLLOW") ? [NO_SYMFOLLOW] : [],
  },
  attach: { capabilities: MOUNTING },
  makeMountpoint: { access: WHERE_MISSING },
  mount: {
    capabilities: MOUNTING,
    features: ({ flags }) =>
      MOUNT_FLAGS_SINCE.filter(({ what }) => flags.includes(what)),
  },
  mountOverlay: {
    capabilities: MOUNTING,
    features: ({ userNamespace }) => [
      userNamespace
        ? { version: "5.11", what: "overlay in a user namespace" }
        : { version: "3.18", what: "overlay" },
    ],
  },
  pivotRoot: { capabilities: MOUNTING },
  chroot: { capabilities: here("CAP_SYS_CHROOT") },
  unmount: { capabilities: MOUNTING },
  maskPath: { capabilities: MOUNTING },
  readonlyPath: { capabilities: MOUNTING },
  makeDevice: {
    capabilities: ({ type, uid, gid }) => [
      ...(type === "p" ? [] : initial("CAP_MKNOD")),
      ...(uid || gid ? here("CAP_CHOWN") : []),
    ],
  },
  makeSymlink: { access: WHERE_MISSING },
  makeFile: { access: "write access to the directory" },
  writeFile: { access: "write access to the file" },
  setSysctl: {
    capabilities: ({ key }) =>
      key.startsWith("net.") ? here("CAP_NET_ADMIN") : [],
    access: "write access to the file in /proc/sys",
  },
  setIds: { capabilities: [...here("CAP_SETUID"), ...here("CAP_SETGID")] },
  keepCapabilities: {},
  limitCapabilities: {
    capabilities: here("CAP_SETPCAP"),
    features: feature("2.6.25", "PR_CAPBSET_DROP"),
  },
  // A process may always give up capabilities; it needs only those that it
  // keeps.
  setCapabilities: {
    access: "the capabilities that are kept",
    features: feature("4.3", "PR_CAP_AMBIENT"),
  },
  setNoNewPrivileges: { features: feature("3.5", "PR_SET_NO_NEW_PRIVS") },
  setRlimit: {
    capabilities: initial("CAP_SYS_RESOURCE", "to raise a hard limit"),
  },
  setOomScore: {
    capabilities: initial("CAP_SYS_RESOURCE", "to lower it"),
  },
  setUmask: {},
  setNice: { capabilities: initial("CAP_SYS_NICE", "to lower it") },
  setAffinity: {},
  setSeccomp: {
    capabilities: here("CAP_SYS_ADMIN", "unless no_new_privs is set"),
    features: ({ flags }) =>
      FILTER_FLAGS.flatMap(({ bit, ...since }) => flags & bit ? [since] : []),
  },
  setPersonality: {},
  keepSocket: {},
  // The parent answers each call with this flag.
  sendListener: {
    features: feature("5.5", "SECCOMP_USER_NOTIF_FLAG_CONTINUE"),
  },
  setLabel: { access: "permission by the security module" },
  makeSession: {},
  openTerminal: {
    capabilities: here("CAP_SYS_ADMIN", "for /dev/console"),
    features: feature("4.13", "TIOCGPTPEER"),
  },
  shareTerminal: {},
  changeDirectory: { access: "permission to enter the directory" },
  checkDirectory: {},
  execute: { access: "permission to execute the file" },
  killAll: { capabilities: here("CAP_KILL", "for other users' processes") },
};

/** The context of a step in its plan. */
export interface Place {
  /** The user namespace that its process is in at that time. */
  userNamespace: "host" | "container";
  /** The names of its system calls. */
  calls: readonly string[];
}

/** The capabilities that a step can fail without. */
export function capabilitiesOf(step: Step): Capability[] {
  return askedBy(step).map(({ name }) => name);
}

function askedBy(step: Step): readonly Asked[] {
  const { capabilities = [] } = NEEDS[step.step] as Entry<StepKind>;
  return typeof capabilities === "function" ? capabilities(step) : capabilities;
}

/** The needs of a step in its context. */
export function needsOf(step: Step, { userNamespace, calls }: Place): Needs {
  const entry = NEEDS[step.step] as Entry<StepKind>;
  const access = typeof entry.access === "function"
    ? entry.access(step)
    : entry.access;
  return {
    capabilities: askedBy(step).map(({ in: owner, ...need }) => ({
      ...need,
      userNamespace: owner === "here" ? userNamespace : owner,
    })),
    ...(access ? { access } : {}),
    kernel: youngest([
      ...calls.flatMap((what) => {
        const version = SINCE[what];
        return version ? [{ version, what }] : [];
      }),
      ...entry.features?.(step) ?? [],
    ]),
  };
}

/** A step, and the user namespace that its process is in. */
export interface Placed extends Ordered {
  userNamespace: Place["userNamespace"];
}

/**
 * All steps in the order of execution. Host steps always run in the host's user
 * namespace.
 */
export function placeSteps(plan: Plan): Placed[] {
  let inside: Place["userNamespace"] = "host";
  return inOrder(plan).map(({ phase, step }): Placed => {
    if (phase === "host") return { phase, step, userNamespace: "host" };
    const placed = { phase, step, userNamespace: inside };
    if (entersUserNamespace(step)) inside = "container";
    return placed;
  });
}

function entersUserNamespace(step: Step): boolean {
  if (step.step === "clone") return step.namespaces.includes("user");
  if (step.step === "joinProcess") return step.namespaces.includes("user");
  return step.step === "joinNamespaces" &&
    step.namespaces.some(({ type }) => type === "user");
}
