/**
 * The root filesystem: how `/` becomes the container's own.
 *
 * pivot_root(2) swaps the root of the mount namespace, after which the host's
 * tree can be detached: nothing is left to climb back to. chroot(2), the older
 * way, only changes where this process looks up `/`; the host's tree stays
 * mounted, and a process with CAP_SYS_CHROOT gets out of it.
 */

import type { Spec } from "../../spec/types.ts";
import { lend } from "./devices.ts";
import type { Facts } from "../facts.ts";
import {
  areMany,
  hostMountsOf,
  receiveMount,
  receives,
  ROOT_MOUNT,
} from "./host_mounts.ts";
import { layHostTree, seal, STAGING } from "./host_tree.ts";
import { hasNamespace } from "../namespaces.ts";
import type { KernelAnchor, KernelType, Step } from "../step.ts";

/** Cuts the mount tree off from the host's. */
export function isolateMounts(spec: Spec): Step[] {
  const some = spec.mounts?.some(receives);
  return [{
    step: "mount",
    source: null,
    target: "/",
    type: null,
    flags: ["MS_REC", some ? "MS_SLAVE" : "MS_PRIVATE"],
    data: null,
    why: some
      ? "a mount asks to see what the host mounts below it later: the tree receives from the host and never sends to it"
      : "a new mount namespace starts as a copy whose mounts still propagate to the host: this cuts the tie, so that none of the mounts below is ever seen there",
    man: "mount(2), mount_namespaces(7)",
  }];
}

/** Private it is by now, and what has no master is no slave. */
const spreads = ({ linux }: Spec) =>
  /^r?(shared|unbindable)$/.test(linux.rootfsPropagation ?? "");

/**
 * What linux.rootfsPropagation says. It comes last: of what is unbindable no
 * copy can be made. Nothing of it reaches the host, from whose tree this one is
 * cut off.
 */
export function spreadRoot(spec: Spec): Step[] {
  const { rootfsPropagation = "" } = spec.linux;
  if (!spreads(spec)) return [];
  return [{
    step: "mount",
    source: null,
    target: "/",
    type: null,
    flags: [
      ...rootfsPropagation.startsWith("r") ? ["MS_REC"] as const : [],
      rootfsPropagation.endsWith("shared") ? "MS_SHARED" : "MS_UNBINDABLE",
    ],
    data: null,
    why:
      "how what is mounted inside spreads to further mount namespaces that are made of this one",
    man: "mount(2), mount_namespaces(7)",
  }];
}

/** Makes the root filesystem `/`. */
export function changeRoot(spec: Spec, facts: Facts): Step[] {
  const root = spec.root.path;
  const target = facts.rootKind === "directory" ? root : STAGING;
  const steps = [
    ...layRoot(spec, facts, target),
    ...(facts.confineDevices
      ? [
        {
          step: "setMountAttributes",
          mount: { path: target },
          set: ["MOUNT_ATTR_NODEV"],
          recursive: true,
          why:
            "a device node of the root filesystem, or one that is made there, opens nothing of the host's",
          man: "mount_setattr(2), mount(8) nodev",
        } as const,
      ]
      : []),
  ];
  if (facts.changeRoot === "chroot") {
    return [...steps, {
      step: "chroot",
      root: target,
      why:
        "every path now starts in the root filesystem; unlike pivot_root, this leaves the host's mounts in place and only hides them",
      man: "chroot(2)",
    }];
  }
  return [...steps, {
    step: "pivotRoot",
    root: target,
    why:
      "the root filesystem becomes / and the host's tree is detached: no path leads back to it, not even for root",
    man: "pivot_root(2), umount2(2)",
  }];
}

/** So many descriptors the kernel has room for without a larger table. */
const SMALL_TABLE = 64;
/** So many things of the host can be open without coming near its end. */
const FEW = 32;
/** Above all results that a plan can have. */
const HIGH = 300;

/**
 * Where the overlay's layers are opened: a larger table takes the kernel some
 * milliseconds, so only where many mounts and devices are open.
 */
function aboveOpen(spec: Spec, facts: Facts): number {
  const { mounts = [], linux, process } = spec;
  if (areMany(hostMountsOf(spec, facts))) return HIGH;
  const { devices = [], maskedPaths = [] } = linux;
  const open = mounts.length + devices.length + maskedPaths.length +
    (process.preserve ?? 0);
  return open > FEW ? HIGH : SMALL_TABLE - 4;
}

/** A root with nothing in it. */
const rootInMemory = (target: string, why: string): Step[] => [{
  step: "createFilesystem",
  name: "root",
  type: "tmpfs",
  source: "root",
  options: ["mode=755"],
  attributes: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV"],
  why,
  man: "fsopen(2), fsmount(2), tmpfs(5)",
}, {
  step: "attach",
  name: "root",
  target,
  why: "pivot_root takes a mount point only",
  man: "move_mount(2)",
}];

/** Puts the root filesystem where it can become `/`. */
function layRoot(spec: Spec, facts: Facts, target: string): Step[] {
  const root = spec.root.path;
  const image = hostMountsOf(spec, facts).get(ROOT_MOUNT);
  const received = image ? [receiveMount(ROOT_MOUNT, image.descriptor)] : [];
  if (facts.rootKind === "empty") {
    return rootInMemory(
      target,
      "a root in memory that holds nothing but what is asked for",
    );
  }
  if (facts.hostTree) {
    const readonly = spec.root.readonly ?? false;
    return [
      ...rootInMemory(
        target,
        "a root in memory, since no overlay can lie on / in a user namespace: there are mounts below it",
      ),
      ...layHostTree(facts.hostTree, target, HIGH),
      ...(readonly
        ? [
          seal(target, "the root cannot be changed, nor what it is made of"),
        ]
        : []),
    ];
  }
  if (facts.overlay) {
    return [...received, {
      step: "mountOverlay",
      root,
      ...(image ? { lower: ROOT_MOUNT } : {}),
      target,
      ...facts.overlay,
      userNamespace: hasNamespace(spec, "user"),
      above: aboveOpen(spec, facts),
      why: facts.overlay.upper === null
        ? "changes go to a layer in memory over the root filesystem and are gone with the container"
        : `changes go to ${facts.overlay.upper}, over a root filesystem that stays as it is`,
      man: "mount(2), the kernel's overlayfs documentation",
    }];
  }
  if (image) {
    return [...received, {
      step: "attach",
      name: ROOT_MOUNT,
      target,
      why: "pivot_root takes a mount point only",
      man: "move_mount(2)",
    }];
  }
  const bind: Step = {
    step: "mount",
    source: root,
    target,
    type: null,
    flags: ["MS_BIND", "MS_REC"],
    data: null,
    why: "pivot_root takes a mount point only, and a bind mount makes one",
    man: "mount(2)",
  };
  if (facts.rootKind === "host") {
    return [
      bind,
      ...(spec.root.readonly
        ? [
          seal(
            target,
            "nothing of the host can be changed, on whatever file system it lies; what is mounted from here on has its own setting",
          ),
        ]
        : []),
    ];
  }
  // A mount can be closed to devices or writing, a directory cannot.
  const asksForMount = facts.changeRoot === "pivot_root" ||
    facts.confineDevices || spec.root.readonly || spreads(spec);
  return asksForMount ? [bind] : [];
}

const COVER = "cover";

/**
 * What masks files, taken from the host while it is there. One does for all:
 * it can be copied once it has been put over the first of them.
 */
export function prepareCovers(spec: Spec): Step[] {
  if (!spec.linux.maskedPaths?.length) return [];
  return lend(
    COVER,
    "/dev/null",
    "what covers the masked paths that are files; the host's, since a link could lie at the container's own",
  );
}

const KERNEL: readonly [type: KernelType, place: string][] = [
  ["proc", "/proc"],
  ["sysfs", "/sys"],
];

/**
 * The kernel's file system that a path is on by the Spec. Who shares the root
 * filesystem can give /proc another name between its mount and its sealing; a
 * path that is followed from the top would then seal something else
 * (CVE-2025-31133 and its kin).
 */
function kernelOf(spec: Spec, path: string): KernelType | undefined {
  return KERNEL.find(([type, place]) =>
    path.startsWith(`${place}/`) &&
    spec.mounts?.some((mount) =>
      mount.destination === place && mount.type === type
    )
  )?.[0];
}

/** For each path: which of the kernel's file systems it is followed from, if one. */
function withins(
  spec: Spec,
  paths: readonly string[],
): (KernelAnchor | undefined)[] {
  const types = paths.map((path) => kernelOf(spec, path));
  return types.map((type, index) =>
    type && {
      type,
      opens: types[index - 1] !== type,
      closes: types[index + 1] !== type,
    }
  );
}

/** What is closed once everything is in its place. */
export function sealRoot(spec: Spec): Step[] {
  const { readonlyPaths = [], maskedPaths = [] } = spec.linux;
  const all = withins(spec, [...readonlyPaths, ...maskedPaths]);
  const within = (index: number) => all[index] ? { within: all[index] } : {};
  return [
    ...readonlyPaths.map((path, index): Step => ({
      step: "readonlyPath",
      path,
      ...within(index),
      why: "what is written here would change the host's kernel",
      man: "open_tree(2), mount_setattr(2)",
    })),
    ...maskedPaths.map((path, index): Step => ({
      step: "maskPath",
      path,
      ...within(readonlyPaths.length + index),
      cover: COVER,
      last: index === maskedPaths.length - 1,
      why: "it tells of the host or lets it be changed, and needs no namespace",
      man: "open_tree(2), move_mount(2)",
    })),
    ...(spec.root.readonly
      ? [
        {
          step: "setMountAttributes",
          mount: { path: "/" },
          set: ["MOUNT_ATTR_RDONLY"],
          recursive: false,
          why:
            "the root filesystem cannot be changed; the mounts on it keep their own setting",
          man: "mount_setattr(2)",
        } as const,
      ]
      : []),
  ];
}
