/**
 * The mounts inside the container. The steps belong to the launch and container
 * phases.
 *
 * Mounts are attached after the root has changed. Then a symbolic link in the
 * root filesystem, or a path that is replaced meanwhile, leads only to places
 * inside it. Sources on the host are opened before that, as descriptors, and
 * attached after. In a user namespace proc and sysfs are also created before:
 * the kernel allows that only while an existing proc or sysfs is visible.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import { attachCgroups, prepareCgroups } from "./cgroup_mounts.ts";
import type { Facts } from "../facts.ts";
import { isHostFilesystem, prepareHostFilesystem } from "./host_filesystems.ts";
import { isImageMount, prepareImageMounts } from "./image_mounts.ts";
import { makeEntry } from "./made_entries.ts";
import { isMemoryFile } from "./memory_files.ts";
import {
  hostMountsOf,
  isCopy,
  isMapped,
  mountName,
  receiveMount,
  receives,
} from "./host_mounts.ts";
import { isKernelPath, kernelKeeper } from "./kernel_places.ts";
import { isBind, type MountOptions, mountOptions } from "./options.ts";
import { hasNamespace, newNamespaces } from "../namespaces.ts";
import { isolateMounts } from "./root.ts";
import type { Propagation, Step, StepOf } from "../step.ts";

const WHY: Record<string, string | undefined> = {
  proc:
    "/proc shows the processes of the PID namespace that mounts it, here the container's; ps reads it",
  sysfs:
    "shows the kernel's devices and drivers, read-only unless --privileged is set",
  devpts: "the container's own pseudo-terminals: the host's cannot be opened",
  mqueue: "the POSIX message queues of the container's IPC namespace",
  tmpfs:
    "a file system in memory, which starts empty and ends with the container",
  image: "shows the files of an image",
  cgroup2: "the container's own cgroup, shown as the root of the tree",
};

/** Types that a user namespace can create only while another of the type is visible. */
const NEED_VISIBLE = ["proc", "sysfs"];

/** The path inside of a source that an earlier mount provides. */
const insideOf = ({ places }: Facts, index: number) => places?.revealed[index];

/**
 * Whether a mount is opened or created before the root changes. `bindDevices`
 * means that we are in a user namespace already.
 */
const isPrepared = (spec: Spec, entry: Mount, { bindDevices }: Facts) =>
  isBind(entry) || isMemoryFile(entry) || isCopy(entry) ||
  isHostFilesystem(entry) || isImageMount(entry) ||
  (NEED_VISIBLE.includes(entry.type ?? "") &&
    (bindDevices || hasNamespace(spec, "user")));

/** The step that opens the source of a bind mount on the host. */
const open = (entry: Mount, name: string): StepOf<"openTree"> => ({
  step: "openTree",
  name,
  source: entry.source ?? entry.destination,
  recursive: mountOptions(entry.options ?? []).recursive,
  why:
    `opened while the host's paths exist, to be mounted at ${entry.destination}`,
  man: "open_tree(2)",
});

/**
 * Whether the host will see later mounts below this one. Engines ask for that
 * with a shared root and a shared mount.
 */
const sendsToHost = ({ linux }: Spec, entry: Mount) =>
  /^r?shared$/.test(linux.rootfsPropagation ?? "") && isBind(entry) &&
  !isMapped(entry) &&
  mountOptions(entry.options ?? []).propagation?.propagation === "shared";

/** Opens these mounts before the tree is cut off: a copy made later sends nothing. */
function openSharedMounts(spec: Spec, facts: Facts): Step[] {
  return (spec.mounts ?? []).flatMap((entry, index) =>
    sendsToHost(spec, entry) && insideOf(facts, index) === undefined
      ? [open(entry, mountName(index))]
      : []
  );
}

/**
 * Whether sources are opened with the caller's rights in a user namespace.
 * Until a process takes ids of the namespace, it is still root of the host and
 * may enter directories that are closed to others, such as those of Kubernetes
 * volumes. Where our program is PID 1, it has taken its ids by then.
 */
const opensAsCaller = (spec: Spec, { init }: Facts) =>
  !init && hasNamespace(spec, "user");

/** Opens the sources on the host with the caller's rights there. */
export function openAsCaller(spec: Spec, facts: Facts): Step[] {
  if (!opensAsCaller(spec, facts)) return [];
  const opened = binds(spec, facts).map(([entry, name]) => open(entry, name));
  if (!opened.length) return [];
  return [...openSharedMounts(spec, facts), ...isolateMounts(spec), ...opened];
}

/** The bind mounts that no other function opens, with their names. */
function binds(spec: Spec, facts: Facts): [entry: Mount, name: string][] {
  const onHost = hostMountsOf(spec, facts);
  return (spec.mounts ?? []).flatMap((entry, index) => {
    const name = mountName(index);
    const isLeft = isBind(entry) && !onHost.has(name) &&
      !sendsToHost(spec, entry) && insideOf(facts, index) === undefined;
    return isLeft ? [[entry, name]] : [];
  });
}

/** Cuts the mount tree off from the host's, after opening what must be opened before. */
export const leaveHostMounts = (spec: Spec, facts: Facts): Step[] =>
  openAsCaller(spec, facts).length
    ? []
    : [...openSharedMounts(spec, facts), ...isolateMounts(spec)];

/** Opens or creates, while the host's tree still exists, what will be attached later. */
export function prepareMounts(spec: Spec, facts: Facts): Step[] {
  const onHost = hostMountsOf(spec, facts);
  const someReceive = spec.mounts?.some(receives) ?? false;
  const opened = new Set(
    openAsCaller(spec, facts).map((step) => "name" in step ? step.name : null),
  );
  const prepared = (spec.mounts ?? []).flatMap((entry, index): Step[] => {
    if (entry.type === "cgroup") return prepareCgroups(entry, facts);
    if (!isPrepared(spec, entry, facts) || isMemoryFile(entry)) return [];
    if (isImageMount(entry)) return [];
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
              why: "read-only from now on, because the copy is complete",
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
          `in a user namespace ${entry.type} can be created only while the host's is visible`,
        man: "fsopen(2), fsmount(2), user_namespaces(7)",
      }];
    }
    return [
      ...(sendsToHost(spec, entry) || opened.has(name) ? [] : [
        descriptor === undefined
          ? open(entry, name)
          : receiveMount(name, descriptor),
      ]),
      ...settings(entry, name, someReceive),
    ];
  });
  return [...prepareImageMounts(spec, facts), ...prepared];
}

type Attributes = MountOptions["own"];

/**
 * Sets the attributes of a mount from the host; all but `own` apply below it as
 * well.
 *
 * @param someReceive whether a mount of the Spec receives propagation
 */
function settings(entry: Mount, name: string, someReceive: boolean): Step[] {
  const { options = [], destination, source = destination } = entry;
  const { attributes, cleared, own, recursive, ...rest } = mountOptions(
    options,
  );
  // Copies of a mount that receives propagation receive it too, unless set
  // otherwise.
  const keep: MountOptions["propagation"] = someReceive
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
    why: "set before any process inside can see the mount",
    man: "mount_setattr(2)",
  });
  const asked = { attributes, cleared };
  const ofItself = has(own) ? [set(own, false)] : [];
  if (!propagation) {
    return [...(has(asked) ? [set(asked, recursive)] : []), ...ofItself];
  }
  // `slave` applies to the mount itself, `rslave` to those below as well.
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

/** Attaches every mount of the Spec, in order, and makes its mountpoint before. */
export function attachMounts(spec: Spec, facts: Facts): Step[] {
  const keepsOffKernel = kernelKeeper(spec);
  const files = new Set(facts.files);
  const someReceive = spec.mounts?.some(receives) ?? false;
  return (spec.mounts ?? []).flatMap((entry, index): Step[] => {
    const target = entry.destination;
    const type = entry.type ?? "none";
    const made = makeEntry(entry, facts.places);
    if (made) return made;
    const keepsOff = keepsOffKernel(target, index)
      ? { keepsOffKernel: true } as const
      : {};
    if (type === "cgroup") return attachCgroups(entry, facts);
    const isFile = isMemoryFile(entry) ||
      isBind(entry) && files.has(entry.source ?? target) ||
      facts.mountedImages?.[target]?.kind === "file";
    const steps: Step[] = [{
      step: "makeMountpoint",
      // The target of a link is made, since mkdir(2) does not follow links.
      path: facts.places?.ends[target] ?? target,
      kind: isFile ? "file" : "directory",
      ...(facts.places?.ends[target] === undefined ? {} : { link: target }),
      why: "a mount needs an existing mount point",
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
            ...(isKernelPath(inside) ? {} : { keepsOffKernel: true } as const),
            why:
              "an earlier mount contains this source, so it exists only now; the path is looked up inside the root",
          },
          ...settings(entry, mountName(index), someReceive),
        );
      }
      steps.push({
        step: "attach",
        name: mountName(index),
        target,
        ...(isBind(entry) ? { kind: isFile ? "file" : "directory" } : {}),
        ...keepsOff,
        why: isBind(entry) || isMemoryFile(entry)
          ? "the path is looked up inside the root, whatever symbolic links it contains"
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

/** Whether a mount is a read-only tmpfs that must be filled before. */
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

/** Makes those mounts read-only that had to be filled before. */
export function sealMounts(spec: Spec): Step[] {
  return (spec.mounts ?? []).filter((entry) => isSealed(spec, entry)).map((
    { destination },
  ) => ({
    step: "setMountAttributes",
    mount: { inside: destination },
    set: ["MOUNT_ATTR_RDONLY"],
    recursive: false,
    why: "read-only as requested, now that all its contents exist",
    man: "mount_setattr(2)",
  }));
}

/**
 * Unmounts /proc; without a mount namespace of the container's own everything
 * again, in the opposite order. The kernel unmounts a namespace's mounts in one
 * go when its last process ends, while each unmount of ours waits until no
 * processor looks up paths in it.
 */
export function unmounts(spec: Spec): Step[] {
  const own = newNamespaces(spec).includes("mount");
  const mounted = (spec.mounts ?? []).filter((entry) =>
    own ? entry.type === "proc" : !makeEntry(entry)
  );
  return mounted.toReversed().map((entry) => ({
    step: "unmount",
    target: entry.destination,
    why: own
      ? "ends before the processes that it shows; all other mounts end with the mount namespace"
      : "the mount namespace outlives the container",
    man: "umount2(2)",
  }));
}
