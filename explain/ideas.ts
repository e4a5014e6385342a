/**
 * The ideas of a container, and the idea that each step of a plan belongs to:
 * the outline that explain prints. Pure.
 */

import { ROOT_MOUNT } from "../plan/mounts/host_mounts.ts";
import type { Phase, Step, StepKind, StepOf } from "../plan/step.ts";

/** Each idea, in the order of the outline. */
export const IDEAS = [
  "namespaces",
  "network",
  "init",
  "root",
  "mounts",
  "devices",
  "names",
  "rights",
  "filter",
  "cgroup",
  "command",
  "record",
  "keeper",
] as const;

/** One idea. */
export type Idea = typeof IDEAS[number];

/** What the idea of a step depends on, besides the step. */
export interface Context {
  phase: Phase;
  /** The whole plan. */
  steps: readonly Step[];
  /** Whether a keeper stays with the container. */
  kept: boolean;
}

/** The files in /etc that hold the container's names. */
const NAME_FILE = /^\/etc\/(hostname|hosts|resolv\.conf)$/;
/** Where their text is before the mount, plan/mounts/memory_files.ts. */
const STAGED_NAME_FILE = /^\/dev\/\d+-etc-(hostname|hosts|resolv\.conf)$/;
const DEVICE = /^device\d+$/;
/** The staging place of devices and files, plan/mounts/devices.ts. */
const STAGE = "stage";

/** Whether a step works on what becomes `/`, before it does. */
function buildsRoot(path: string, step: Step, steps: readonly Step[]): boolean {
  const end = steps.findIndex(({ step }) =>
    step === "pivotRoot" || step === "chroot"
  );
  const change = steps[end];
  if (!change || !("root" in change) || steps.indexOf(step) > end) return false;
  return path === change.root || path.startsWith(`${change.root}/`);
}

/** The targets at which devices are attached. */
const isDeviceTarget = (path: string, steps: readonly Step[]) =>
  steps.some((step) =>
    step.step === "attach" && DEVICE.test(step.name) && step.target === path
  );

const isNameFile = (path: string, steps: readonly Step[]) =>
  NAME_FILE.test(path) &&
  steps.some((step) =>
    step.step === "attach" && step.target === path &&
    namesMount(step.name, steps)
  );

/** Whether a named mount is one of the name files. */
const namesMount = (name: string, steps: readonly Step[]) =>
  steps.some((step) =>
    step.step === "openTree" && step.name === name &&
    STAGED_NAME_FILE.test(step.source)
  );

function ofMount(name: string, { steps }: Context): Idea {
  if (name === STAGE || DEVICE.test(name)) return "devices";
  if (name === ROOT_MOUNT) return "root";
  return namesMount(name, steps) ? "names" : "mounts";
}

const ofPath = (path: string, { steps }: Context): Idea =>
  isDeviceTarget(path, steps)
    ? "devices"
    : isNameFile(path, steps)
    ? "names"
    : "mounts";

const waiting = (_: Step, { kept }: Context): Idea => kept ? "keeper" : "init";

/** Before the execve the process is PID 1's, or becomes it. */
const byPhase = (_: Step, { phase }: Context): Idea =>
  phase === "process" ? "command" : "init";

type Of<K extends StepKind> =
  | Idea
  | ((step: StepOf<K>, context: Context) => Idea);

const OF: { readonly [K in StepKind]: Of<K> } = {
  joinNamespaces: "namespaces",
  joinProcess: "namespaces",
  clone: "namespaces",
  unshare: "namespaces",
  enterTimeNamespace: "namespaces",
  raiseLoopback: "namespaces",
  moveDevice: "namespaces",
  mapIds: "namespaces",
  setSysctl: "namespaces",
  setHostname: "names",
  setDomainname: "names",
  setParentDeathSignal: "init",
  waitForParent: "init",
  checkParent: "init",
  announce: "init",
  executeSelf: "init",
  keepWalker: "init",
  executeWalker: "init",
  idle: "init",
  serveFiles: "command",
  setDumpable: "init",
  waitForHooks: "init",
  killAll: "init",
  setProcessGroup: byPhase,
  setSignalMask: byPhase,
  closeDescriptors: byPhase,
  keepHold: waiting,
  reportReady: waiting,
  waitForStart: waiting,
  makeFifo: waiting,
  defaultSignals: "command",
  arrangeDescriptors: "command",
  giveStreams: "command",
  reopenNull: "command",
  reopenDevice: "command",
  relayStream: "command",
  makeSession: "command",
  openTerminal: "command",
  shareTerminal: "command",
  changeDirectory: "command",
  checkDirectory: "command",
  checkCommand: "command",
  execute: "command",
  setUmask: "command",
  setNice: "command",
  setAffinity: "command",
  setIoPriority: "command",
  setScheduler: "command",
  setMemoryPolicy: "command",
  setPersonality: "command",
  setRlimit: "command",
  setOomScore: "command",
  openCgroups: "cgroup",
  joinCgroups: "cgroup",
  takeCgroup: "cgroup",
  writeHostFile: "cgroup",
  fillCpuset: "cgroup",
  attachDevices: "cgroup",
  giveCgroup: "cgroup",
  startScope: "cgroup",
  joinClass: "cgroup",
  // The others are the layers of an overlay.
  makeDirectory: ({ undo }) =>
    typeof undo !== "string" &&
      undo.some(({ undo }) => undo === "removeCgroup" || undo === "leaveCgroup")
      ? "cgroup"
      : "root",
  openTree: ({ name }, context) => ofMount(name, context),
  createFilesystem: ({ name }, context) => ofMount(name, context),
  receiveMount: ({ name }, context) => ofMount(name, context),
  attach: ({ name }, context) => ofMount(name, context),
  setMountAttributes: (step, context) => {
    const { mount } = step;
    if ("name" in mount) return ofMount(mount.name, context);
    const isRoot = "inside" in mount
      ? mount.inside === "/"
      : mount.path === "/" || buildsRoot(mount.path, step, context.steps);
    return isRoot ? "root" : "mounts";
  },
  makeMountpoint: ({ path }, context) => ofPath(path, context),
  makeFile: ({ path }) => STAGED_NAME_FILE.test(path) ? "names" : "mounts",
  mount: (step, { steps }) => {
    const { target, flags } = step;
    if (target !== "/") {
      return buildsRoot(target, step, steps) ? "root" : "mounts";
    }
    return flags.some((flag) => flag === "MS_PRIVATE" || flag === "MS_SLAVE")
      ? "namespaces"
      : "root";
  },
  mountOverlay: "root",
  mountImage: "root",
  keepChanges: "root",
  recordNetwork: "network",
  joinNetwork: "network",
  makeBridge: "network",
  filterNetwork: "network",
  allowForwarding: "network",
  makeHosts: "network",
  startResolver: "network",
  attachLink: "network",
  reservePorts: "network",
  publishPorts: "network",
  startRelay: "network",
  changeHosts: "network",
  detachLink: "network",
  startWayOut: "network",
  keepUses: "mounts",
  makeVolume: "mounts",
  pivotRoot: "root",
  chroot: "root",
  keepRoot: "root",
  enterKeptRoot: "root",
  visitRoot: "root",
  returnToRoot: "root",
  unmount: ({ target }, { phase }) =>
    phase === "cleanup" ? "init" : target === "/dev" ? "devices" : "mounts",
  maskPath: "mounts",
  readonlyPath: "mounts",
  mapMount: "mounts",
  copyUp: "mounts",
  writeFile: "mounts",
  makeDevice: "devices",
  makeSymlink: ({ path }) => path.startsWith("/dev/") ? "devices" : "mounts",
  setIds: (_, { phase }) => phase === "process" ? "rights" : "namespaces",
  keepCapabilities: "rights",
  limitCapabilities: "rights",
  setCapabilities: "rights",
  setNoNewPrivileges: "rights",
  setLabel: "rights",
  joinKeyring: "rights",
  setSeccomp: "filter",
  keepSocket: (_, { steps }) =>
    steps.some(({ step }) => step === "sendListener") ? "filter" : "init",
  sendListener: "filter",
  createRuleset: "filter",
  allowBelow: "filter",
  allowPort: "filter",
  restrictSelf: "filter",
  recordUndos: "record",
  writeIdFile: "record",
  writePidFile: "record",
  reserveEnd: "record",
  reserveProfile: "filter",
};

/** The idea that a step belongs to. */
export function ideaOf(step: Step, context: Context): Idea {
  const of = OF[step.step] as Of<StepKind>;
  return typeof of === "function" ? of(step, context) : of;
}
