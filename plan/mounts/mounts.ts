/**
 * The mounts inside the container.
 *
 * They are put in place once the root has changed, so that a symbolic link in
 * the root filesystem, or a path swapped meanwhile, can lead nowhere but inside
 * it. What comes from the host is opened before that, by descriptor, and
 * attached after. In a user namespace proc and sysfs are created before, too:
 * the kernel allows them only while others of their kind can be seen.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import { attachCgroups, prepareCgroups } from "./cgroup_mounts.ts";
import type { Facts } from "../facts.ts";
import { isHostFilesystem, prepareHostFilesystem } from "./host_filesystems.ts";
import { isMemoryFile } from "./memory_files.ts";
import {
  hostMountsOf,
  isCopy,
  isMapped,
  mountName,
  receiveMount,
  receives,
} from "./host_mounts.ts";
import { isKernels, keepsOffKernel } from "./kernel_places.ts";
import { isBind, type MountOptions, mountOptions } from "./options.ts";
import { hasNamespace } from "../namespaces.ts";
import { isolateMounts } from "./root.ts";
import type { Propagation, Step, StepOf } from "../step.ts";

const WHY: Record<string, string | undefined> = {
  proc:
    "/proc shows the processes of the PID namespace that mounts it: here the container's, which is what ps reads",
  sysfs:
    "devices and drivers as the kernel shows them, read-only unless --privileged",
  devpts: "pseudo-terminals of its own: the host's cannot be opened",
  mqueue: "POSIX message queues of its own IPC namespace",
  tmpfs: "a file system in memory, empty and gone with the container",
  cgroup2: "its own cgroup, seen as the root of the tree",
};

const VISIBLE = ["proc", "sysfs"];

/** The path inside of a source that an earlier mount shows: there it is opened. */
const insideOf = ({ places }: Facts, index: number) => places?.revealed[index];

/** Devices are bound in a user namespace: one that is made, or that we are in. */
const isPrepared = (spec: Spec, entry: Mount, { bindDevices }: Facts) =>
  isBind(entry) || isMemoryFile(entry) || isCopy(entry) ||
  isHostFilesystem(entry) ||
  (VISIBLE.includes(entry.type ?? "") &&
    (bindDevices || hasNamespace(spec, "user")));

/** The step that takes a mount from the host. */
const open = (entry: Mount, name: string): StepOf<"openTree"> => ({
  step: "openTree",
  name,
  source: entry.source ?? entry.destination,
  recursive: mountOptions(entry.options ?? []).recursive,
  why: `${entry.source} of the host is to be seen at ${entry.destination}`,
  man: "open_tree(2)",
});

/** Whether the host is to see what is mounted below later: engines say both. */
const sends = ({ linux }: Spec, entry: Mount) =>
  /^r?shared$/.test(linux.rootfsPropagation ?? "") && isBind(entry) &&
  !isMapped(entry) &&
  mountOptions(entry.options ?? []).propagation?.propagation === "shared";

/** Opened before the tie to the host is cut: a copy made later never sends. */
function openSharedMounts(spec: Spec, facts: Facts): Step[] {
  return (spec.mounts ?? []).flatMap((entry, index) =>
    sends(spec, entry) && insideOf(facts, index) === undefined
      ? [open(entry, mountName(index))]
      : []
  );
}

/**
 * In a user namespace: until its ids are taken, a process is the host's root
 * still and may look into a directory that is closed to others, as those of a
 * Kubernetes volume are. Where our own program is PID 1 it has them by then.
 */
const opensAsCaller = (spec: Spec, { init }: Facts) =>
  !init && hasNamespace(spec, "user");

/** The mounts that are taken from the host with the rights that we have there. */
export function openAsCaller(spec: Spec, facts: Facts): Step[] {
  if (!opensAsCaller(spec, facts)) return [];
  const opened = binds(spec, facts).map(([entry, name]) => open(entry, name));
  if (!opened.length) return [];
  return [...openSharedMounts(spec, facts), ...isolateMounts(spec), ...opened];
}

/** Those that nobody else opens, and their names. */
function binds(spec: Spec, facts: Facts): [entry: Mount, name: string][] {
  const onHost = hostMountsOf(spec, facts);
  return (spec.mounts ?? []).flatMap((entry, index) => {
    const name = mountName(index);
    const isOurs = isBind(entry) && !onHost.has(name) && !sends(spec, entry) &&
      insideOf(facts, index) === undefined;
    return isOurs ? [[entry, name]] : [];
  });
}

/** Cuts the host's tree off, with what has to be opened before. */
export const leaveHostMounts = (spec: Spec, facts: Facts): Step[] =>
  openAsCaller(spec, facts).length
    ? []
    : [...openSharedMounts(spec, facts), ...isolateMounts(spec)];

/** What has to be opened or created while the host's tree is still there. */
export function prepareMounts(spec: Spec, facts: Facts): Step[] {
  const onHost = hostMountsOf(spec, facts);
  const opened = new Set(
    openAsCaller(spec, facts).map((step) => "name" in step ? step.name : null),
  );
  return (spec.mounts ?? []).flatMap((entry, index): Step[] => {
    if (entry.type === "cgroup") return prepareCgroups(entry, facts);
    if (!isPrepared(spec, entry, facts) || isMemoryFile(entry)) return [];
    const name = mountName(index);
    const options = mountOptions(entry.options ?? []);
    if (isBind(entry) && insideOf(facts, index) !== undefined) return [];
    const descriptor = onHost.get(name)?.descriptor;
    if (isCopy(entry) && descriptor !== undefined) {
      const isReadonly = options.attributes.includes("MOUNT_ATTR_RDONLY");
      return [
        receiveMount(name, descriptor),
        ...(isReadonly
          ? [
            {
              step: "setMountAttributes",
              mount: { name },
              set: ["MOUNT_ATTR_RDONLY"],
              recursive: false,
              why: "read-only it could have taken no copy",
              man: "mount_setattr(2)",
            } as const,
          ]
          : []),
      ];
    }
    if (isHostFilesystem(entry)) {
      return prepareHostFilesystem(spec, facts, entry, name);
    }
    if (!isBind(entry)) {
      return [{
        step: "createFilesystem",
        name,
        type: entry.type ?? "none",
        source: entry.source ?? entry.type ?? "none",
        options: options.data,
        attributes: options.attributes,
        why:
          `${entry.type} can be created in a user namespace only while the host's can be seen`,
        man: "fsopen(2), fsmount(2), user_namespaces(7)",
      }];
    }
    return [
      ...(sends(spec, entry) || opened.has(name) ? [] : [
        descriptor === undefined
          ? open(entry, name)
          : receiveMount(name, descriptor),
      ]),
      ...settings(spec, entry, name),
    ];
  });
}

type Attributes = MountOptions["own"];

/** What is asked of a mount from the host; but for `own`, of the mounts below it too. */
function settings(spec: Spec, entry: Mount, name: string): Step[] {
  const { options = [], destination, source = destination } = entry;
  const { attributes, cleared, own, recursive, ...rest } = mountOptions(
    options,
  );
  // Of a tree that receives, each copy does, unless it is told not to.
  const keep: MountOptions["propagation"] = spec.mounts?.some(receives)
    ? { propagation: "private", recursive: true }
    : null;
  const propagation = rest.propagation ?? keep;
  const none: Attributes = { attributes: [], cleared: [] };
  const has = ({ attributes, cleared }: Attributes) =>
    attributes.length + cleared.length > 0;
  const set = (
    { attributes, cleared }: Attributes,
    recursive: boolean,
    propagation?: Propagation,
  ): Step => ({
    step: "setMountAttributes",
    mount: { name },
    of: source,
    set: attributes,
    ...(cleared.length ? { clear: cleared } : {}),
    ...(propagation ? { propagation } : {}),
    recursive,
    why: "set before anyone inside can see it",
    man: "mount_setattr(2)",
  });
  const asked = { attributes, cleared };
  const ofItself = has(own) ? [set(own, false)] : [];
  if (!propagation) {
    return [...(has(asked) ? [set(asked, recursive)] : []), ...ofItself];
  }
  // `slave` is for the mount itself, `rslave` for those below as well.
  const below = propagation.recursive && recursive;
  if (!has(asked) || below === recursive) {
    return [set(asked, below, propagation.propagation), ...ofItself];
  }
  return [
    set(asked, recursive),
    set(none, below, propagation.propagation),
    ...ofItself,
  ];
}

const ASKED = {
  why: "the root filesystem is to have it",
  man: "mkdir(2)",
} as const;

/** What `run` can put into a root beside mounts; config.json cannot. */
function makeEntry(
  { type, destination, source = "" }: Mount,
  places?: Facts["places"],
): Step[] | null {
  const path = places?.ends[destination] ?? destination;
  const directory = (path: string): Step => ({
    step: "makeMountpoint",
    path,
    kind: "directory",
    ...ASKED,
  });
  const above = path.replace(/\/[^/]*$/, "");
  switch (type) {
    case "directory":
      return [directory(path)];
    case "symlink":
      return [...(above ? [directory(above)] : []), {
        step: "makeSymlink",
        path,
        to: source,
        why: ASKED.why,
        man: "symlink(2)",
      }];
    case "file":
      return [{ step: "makeMountpoint", path, kind: "file", ...ASKED }, {
        step: "writeFile",
        path,
        text: source,
        why: ASKED.why,
        man: "open(2), write(2)",
      }];
    default:
      return null;
  }
}

/** Every mount of the Spec, in its order, after its mountpoint. */
export function attachMounts(spec: Spec, facts: Facts): Step[] {
  return (spec.mounts ?? []).flatMap((entry, index): Step[] => {
    const target = entry.destination;
    const type = entry.type ?? "none";
    const made = makeEntry(entry, facts.places);
    if (made) return made;
    const keepsOff = keepsOffKernel(spec, target, index)
      ? { keepsOffKernel: true } as const
      : {};
    if (type === "cgroup") return attachCgroups(entry, facts);
    const isFile = isMemoryFile(entry) ||
      isBind(entry) && facts.files.includes(entry.source ?? target);
    const steps: Step[] = [{
      step: "makeMountpoint",
      // What a link leads to is made, since mkdir(2) does not follow it.
      path: facts.places?.ends[target] ?? target,
      kind: isFile ? "file" : "directory",
      why: "something has to be there to mount on",
      man: isFile ? "mkdir(2), mknod(2)" : "mkdir(2)",
    }];
    if (isPrepared(spec, entry, facts)) {
      const inside = isBind(entry) ? insideOf(facts, index) : undefined;
      if (inside !== undefined) {
        steps.unshift(
          {
            ...open(entry, mountName(index)),
            source: inside,
            inside: true,
            ...(isKernels(inside) ? {} : { keepsOffKernel: true } as const),
            why:
              "an earlier mount shows it, so that it is there only now; the path is looked up inside the root",
          },
          ...settings(spec, entry, mountName(index)),
        );
      }
      steps.push({
        step: "attach",
        name: mountName(index),
        target,
        ...keepsOff,
        why: isBind(entry) || isMemoryFile(entry)
          ? `the path is looked up inside the root, whatever links are in it`
          : WHY[type] ?? `the configuration asks for ${type}`,
        man: "move_mount(2)",
      });
    } else {
      const { flags: asked, data: own } = mountOptions(entry.options ?? []);
      const flags = isSealed(spec, entry)
        ? asked.filter((flag) => flag !== "MS_RDONLY")
        : asked;
      const data = type === "cgroup2" ? [...facts.unifiedFlags, ...own] : own;
      steps.push({
        step: "mount",
        source: entry.source ?? type,
        target,
        type,
        flags,
        data: data.join(",") || null,
        ...keepsOff,
        why: WHY[type] ?? `the configuration asks for ${type} at ${target}`,
        man: type === "proc" ? "mount(2), proc(5)" : "mount(2)",
      });
    }
    return steps;
  });
}

/** A read-only tmpfs in which something is to be put before. */
function isSealed({ mounts = [] }: Spec, entry: Mount): boolean {
  const { type, destination, options = [] } = entry;
  if (type !== "tmpfs" || !mountOptions(options).flags.includes("MS_RDONLY")) {
    return false;
  }
  return destination === "/dev" ||
    mounts.slice(mounts.indexOf(entry) + 1).some((later) =>
      later.destination.startsWith(`${destination}/`)
    );
}

/** What could not be read-only before it was furnished. */
export function sealMounts(spec: Spec): Step[] {
  return (spec.mounts ?? []).filter((entry) => isSealed(spec, entry)).map((
    { destination },
  ) => ({
    step: "setMountAttributes",
    mount: { inside: destination },
    set: ["MOUNT_ATTR_RDONLY"],
    recursive: false,
    why: "it is to be read-only, and all that belongs in it is there by now",
    man: "mount_setattr(2)",
  }));
}

/** The same, taken away again in the opposite order. */
export function unmounts(spec: Spec): Step[] {
  const mounted = (spec.mounts ?? []).filter((entry) => !makeEntry(entry));
  return mounted.toReversed().map((entry) => ({
    step: "unmount",
    target: entry.destination,
    why:
      "the mount namespace would take it along anyway; the one who mounts unmounts",
    man: "umount2(2)",
  }));
}
