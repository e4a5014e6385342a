/** One sentence for each idea of a plan, made from its steps. Pure. */

import { CAPABILITIES } from "../plan/process/capabilities.ts";
import type { NamespaceType } from "../spec/types.ts";
import type { Step, StepKind, StepOf } from "../plan/step.ts";
import { and } from "./steps/describing.ts";
import type { Idea } from "./ideas.ts";
import type { Keeping } from "./keeper.ts";

/** What the sentences are made from. */
export interface Subject {
  /** The steps of the idea. */
  own: readonly Step[];
  /** The steps of the plan. */
  all: readonly Step[];
  /** Whether our program stays inside as PID 1. */
  init: boolean;
  keeper?: Keeping;
}

/** The most names in one sentence. */
const MOST = 6;

const all = <K extends StepKind>(
  steps: readonly Step[],
  kind: K,
): StepOf<K>[] => steps.filter((step): step is StepOf<K> => step.step === kind);

const first = <K extends StepKind>(
  steps: readonly Step[],
  kind: K,
): StepOf<K> | undefined => all(steps, kind)[0];

/** Joins names; only counts those beyond the first few. */
function few(names: readonly string[]): string {
  const more = names.length - MOST;
  return more > 1
    ? `${names.slice(0, MOST).join(", ")} and ${more} more`
    : and(names);
}

const unique = (words: readonly string[]) => [...new Set(words)];

/** The steps that work inside the new root. */
const afterRoot = (steps: readonly Step[]) =>
  steps.slice(
    1 +
      steps.findIndex(({ step }) => step === "pivotRoot" || step === "chroot"),
  );

/** What a process has for itself in a new namespace of each type. */
const OWN: Readonly<Record<NamespaceType, string>> = {
  pid: "processes",
  mount: "mounts",
  network: "network",
  uts: "hostname",
  ipc: "IPC",
  cgroup: "view of cgroups",
  user: "user IDs",
  time: "clocks",
};

/** The types that a container usually has. */
const USUAL: readonly NamespaceType[] = [
  "pid",
  "mount",
  "network",
  "uts",
  "ipc",
  "cgroup",
];

const asOwn = (types: readonly NamespaceType[]) =>
  and(types.map((type) => OWN[type]));

function namespaces({ own, all: steps }: Subject): string {
  const entered = first(own, "joinProcess");
  if (entered) {
    return `Enters the ${
      and(entered.namespaces)
    } namespaces of process ${entered.pid}`;
  }
  const made = new Set(
    own.flatMap((step) =>
      step.step === "clone" || step.step === "unshare"
        ? step.namespaces
        : step.step === "enterTimeNamespace"
        ? ["time" as const]
        : []
    ),
  );
  const joined = all(own, "joinNamespaces").flatMap(({ namespaces }) =>
    namespaces
  );
  const types = (Object.keys(OWN) as NamespaceType[])
    .filter((type) => made.has(type));
  const shared = USUAL.filter((type) =>
    !made.has(type) && !joined.some((one) => one.type === type)
  );
  const ids = first(steps, "mapIds")?.uids[0];
  return [
    `Has its own ${asOwn(types)}`,
    ...(ids && ids.containerID === 0
      ? [`root inside is user ${ids.hostID} outside`]
      : []),
    ...joined.map(({ type, path }) => `shares the ${OWN[type]} of ${path}`),
    ...(shared.length ? [`shares the host's ${asOwn(shared)}`] : []),
  ].join("; ");
}

function init({ init, all: steps }: Subject): string {
  if (init) {
    return "This program stays inside as PID 1: it starts the command, passes signals on, and cleans up at the end";
  }
  const clone = first(steps, "clone");
  const process = clone?.namespaces.includes("pid")
    ? "The command itself is PID 1"
    : "The command is one more process of its PID namespace";
  return first(steps, "setParentDeathSignal")
    ? `${process}; it ends when its parent ends`
    : process;
}

function root({ own, all: steps }: Subject): string {
  const overlay = first(own, "mountOverlay");
  const image = first(own, "mountImage");
  const { layers: { length: layers } = [], missing } =
    first(own, "keepChanges") ?? {};
  const change = first(own, "pivotRoot") ?? first(own, "chroot");
  const isBuilt = all(own, "createFilesystem")
    .some(({ type }) => type === "tmpfs");
  const bound = all(own, "mount").find(({ target }) => target === change?.root);
  const from = overlay?.root ?? image?.image ?? bound?.source ?? change?.root;
  const isReadonly = all(steps, "setMountAttributes").some(({ mount, set }) =>
    set.includes("MOUNT_ATTR_RDONLY") &&
    ("inside" in mount ? mount.inside === "/" : "path" in mount &&
      (mount.path === "/" || mount.path === change?.root))
  );
  if (!change) return "Uses the root directory of the container";
  return [
    layers
      ? `${
        layers === 1 ? "The image's layer becomes" : "The image's layers become"
      } /${isReadonly ? ", read-only" : ""}`
      : isBuilt
      ? "An empty directory in memory becomes /"
      : `${from === "/" ? "The host's / stays /" : `${from} becomes /`}${
        isReadonly ? ", read-only" : ""
      }`,
    ...(overlay
      ? [
        overlay.upper === null
          ? "changes stay in memory"
          : `changes go to ${overlay.upper}`,
      ]
      : layers
      ? [`changes go to ${first(own, "keepChanges")?.directory}`]
      : []),
    ...(missing
      ? [
        `${missing.what} must first be fetched, as \`container pull ${missing.image}\` does`,
      ]
      : []),
    change.step === "chroot"
      ? "the host's tree is hidden, not detached"
      : from === "/"
      ? "later mounts of the host do not appear"
      : "the host's tree is detached",
  ].join("; ");
}

/** Cgroup hierarchies and the like, each inside a mount that is listed. */
const NESTED = /^\/sys\/fs\/cgroup\/./;

/** Files in memory are made here, plan/mounts/memory_files.ts. */
const STAGED = /^\/dev\/\d+-/;

/** What appears inside: new file systems, and what comes from the host. */
function mounted(own: readonly Step[], inside: ReadonlySet<Step>) {
  const sources = new Map<string, string>();
  const found = {
    fresh: [] as string[],
    files: [] as string[],
    host: [] as string[],
  };
  for (const step of own) {
    if (step.step === "openTree") sources.set(step.name, step.source);
    if (step.step === "receiveMount") sources.set(step.name, "");
    // Earlier mounts only prepare the sources.
    if (!inside.has(step)) continue;
    if (step.step === "mount" && !NESTED.test(step.target)) {
      const isBind = step.flags.includes("MS_BIND");
      (isBind ? found.host : found.fresh).push(step.target);
    }
    if (step.step !== "attach") continue;
    const { name, target } = step;
    const source = sources.get(name);
    if (source === undefined) found.fresh.push(target);
    else if (STAGED.test(source)) found.files.push(target);
    else {
      found.host.push(
        source === "" || source === target ? target : `${source} at ${target}`,
      );
    }
  }
  return found;
}

function mounts({ own, all: steps }: Subject): string {
  const inside = new Set(afterRoot(steps));
  const { fresh, files, host } = mounted(own, inside);
  const targets = new Set(
    steps.flatMap((step) =>
      step.step === "mount" || step.step === "attach" ? [step.target] : []
    ),
  );
  const created = own.filter((step) => inside.has(step)).flatMap((step) =>
    step.step === "makeSymlink" || step.step === "writeFile" ||
      step.step === "makeMountpoint" && !targets.has(step.path)
      ? [step.path]
      : []
  );
  const closed = all(own, "maskPath").length + all(own, "readonlyPath").length;
  return capital([
    ...(fresh.length ? [`mounts new ${few(unique(fresh))}`] : []),
    ...(host.length ? [`mounts the host's ${few(unique(host))}`] : []),
    ...(files.length ? [`mounts files at ${few(files)}`] : []),
    ...(created.length ? [`creates ${few(unique(created))}`] : []),
    ...(closed ? [`hides or closes ${closed} of the kernel's files`] : []),
  ].join("; "));
}

function devices({ own, all: steps }: Subject): string {
  const inside = new Set(afterRoot(steps));
  const names = unique(
    own.filter((step) => inside.has(step)).flatMap((step) =>
      step.step === "attach"
        ? [step.target]
        : step.step === "makeDevice"
        ? [step.path]
        : []
    ),
  ).map((path) => path.replace(/^\/dev\//, ""));
  const isOwn = all(steps, "mount").some(({ target, type }) =>
    target === "/dev" && type === "tmpfs"
  );
  return names.length
    ? `Has ${few(names)} in /dev${isOwn ? ", and no other device" : ""}`
    : "Links the usual names in /dev";
}

function names({ own }: Subject): string {
  const hostname = first(own, "setHostname")?.hostname;
  const domain = first(own, "setDomainname")?.domainname;
  const files = all(own, "attach").map(({ target }) => target);
  return capital([
    ...(hostname === undefined ? [] : [`the hostname is ${hostname}`]),
    ...(domain === undefined ? [] : [`the domain name is ${domain}`]),
    ...(files.length
      ? [
        `${and(files)} ${
          files.length > 1 ? "are its own files" : "is its own file"
        }`,
      ]
      : []),
  ].join("; "));
}

function network({ own }: Subject): string {
  const program = first(own, "startWayOut")?.wayOut.program;
  if (program) return `Reaches the rest of the world through ${program}`;
  const joined = all(own, "joinNetwork");
  const networks = and(joined.map(({ network }) => network.name));
  const wayOut = all(own, "attachLink").find(({ isWayOut }) => isWayOut);
  return [
    `Is in the network${joined.length > 1 ? "s" : ""} ${networks}`,
    wayOut
      ? `reaches the rest of the world through ${wayOut.network.bridge}`
      : "reaches nothing outside",
    ...all(own, "reservePorts").map(({ ports }) =>
      `publishes its ${
        ports.length > 4 ? `${ports.length} ports` : and(
          ports.map(({ port, protocol }) => `port ${port}/${protocol}`),
        )
      } on the host`
    ),
  ].join("; ");
}

function rights({ own }: Subject): string {
  const ids = all(own, "setIds").at(-1);
  const has = all(own, "setCapabilities").at(-1)?.effective.length;
  const labels = all(own, "setLabel").map(({ kind, label }) =>
    `the ${kind} label is ${label}`
  );
  return [
    ids ? `Runs as user ${ids.uid} and group ${ids.gid}` : "Keeps the user",
    ...(has === undefined
      ? []
      : [`has ${has || "none"} of the ${CAPABILITIES.length} capabilities`]),
    first(own, "setNoNewPrivileges")
      ? "no program can gain more"
      : "setuid programs can gain more",
    ...labels,
  ].join("; ");
}

function filter({ own }: Subject): string {
  const seccomp = first(own, "setSeccomp");
  const landlock = first(own, "restrictSelf");
  const parts = [
    ...(seccomp
      ? [
        seccomp.profile === "default"
          ? "the default seccomp filter refuses dangerous system calls"
          : seccomp.profile === "learn"
          ? "a seccomp filter reports every system call"
          : `the seccomp filter of ${seccomp.profile} decides about system calls`,
      ]
      : ["system calls are not filtered"]),
    ...(landlock ? ["Landlock restricts files and ports"] : []),
  ];
  return capital(parts.join("; "));
}

function cgroup({ own }: Subject): string {
  if (!own.length) return "No limits are set";
  const isMade = ["makeDirectory", "takeCgroup", "startScope"]
    .some((kind) => own.some(({ step }) => step === kind));
  if (!isMade) return "Joins the cgroup of the container";
  const limits = all(own, "writeHostFile").flatMap(({ path, value }) => {
    const file = path.slice(path.lastIndexOf("/") + 1);
    return /^(devices|cgroup)\./.test(file)
      ? []
      : [`${file} = ${value.trim()}`];
  });
  return limits.length
    ? `Has its own cgroup, with ${few(limits)}`
    : "Has its own cgroup, without limits";
}

function command({ own }: Subject): string {
  const argv = first(own, "execute")?.argv ?? [];
  const cwd = all(own, "changeDirectory").at(-1)?.path;
  const from = first(own, "closeDescriptors")?.from;
  return [
    `Executes ${argv.join(" ")}${cwd === undefined ? "" : ` in ${cwd}`}`,
    ...(first(own, "openTerminal") ? ["on its own terminal"] : []),
    ...(first(own, "relayStream")
      ? ["reaches the host's files through pipes only"]
      : []),
    ...(from === undefined ? [] : [`inherits no open file from ${from} up`]),
  ].join("; ");
}

function record({ own }: Subject): string {
  const made = first(own, "recordUndos");
  return made?.container === undefined
    ? "Records how to clean up, in case this program is killed"
    : `Records the container as ${made.container}, and how to clean up`;
}

function keeper({ keeper }: Subject): string {
  const end = keeper?.removes
    ? ", and removes the container at its end"
    : keeper?.restart
    ? `, and starts the container again (${keeper.restart})`
    : "";
  return `A small process stays outside as the parent: it writes the log and the exit status${end}`;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

const SENTENCES: Readonly<Record<Idea, (subject: Subject) => string>> = {
  namespaces,
  network,
  init,
  root,
  mounts,
  devices,
  names,
  rights,
  filter,
  cgroup,
  command,
  record,
  keeper,
};

/** What a plan does about an idea, in one sentence without a full stop. */
export const sentenceFor = (idea: Idea, subject: Subject): string =>
  SENTENCES[idea](subject);
