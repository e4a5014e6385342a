/**
 * The root filesystem: how `/` becomes the container's own. The steps belong to
 * the container phase.
 *
 * pivot_root(2) replaces the root of the mount namespace. Then the host's tree
 * can be detached, and no path leads back to it. chroot(2), the older way, only
 * changes where this process looks up `/`. The host's tree stays mounted, and a
 * process with CAP_SYS_CHROOT can escape to it.
 */

import type { Spec } from "../../spec/types.ts";
import { openHostFile } from "./devices.ts";
import type { Facts } from "../facts.ts";
import {
  aboveOpen,
  HIGH,
  hostMountsOf,
  receiveMount,
  receives,
  ROOT_MOUNT,
} from "./host_mounts.ts";
import {
  belowMapped,
  MAPPED_CHANGES,
  MAPPED_LAYERS,
  mountLayers,
} from "./image_layers.ts";
import { layHostTree, seal, STAGING } from "./host_tree.ts";
import { hasNamespace } from "../namespaces.ts";
import type { KernelAnchor, KernelType, Step } from "../step.ts";

/** Cuts the mount tree off from the host's. */
export function isolateMounts(spec: Spec): Step[] {
  const someReceive = spec.mounts?.some(receives);
  return [{
    step: "mount",
    source: null,
    target: "/",
    type: null,
    flags: ["MS_REC", someReceive ? "MS_SLAVE" : "MS_PRIVATE"],
    data: null,
    why: someReceive
      ? "a mount must receive later mounts from the host: mounts propagate from the host, but never to it"
      : "a new mount namespace starts as a copy whose mounts still propagate to the host: private mounts do not, so the host never sees the mounts that follow",
    man: "mount(2), mount_namespaces(7)",
  }];
}

/**
 * Whether the root's propagation has to be set. The tree is private by now, and
 * `slave` has no effect on a mount without a master.
 */
const setsPropagation = ({ linux }: Spec) =>
  /^r?(shared|unbindable)$/.test(linux.rootfsPropagation ?? "");

/**
 * Sets linux.rootfsPropagation. It comes last, since no copy of an unbindable
 * mount can be made. The host sees none of it: this tree is cut off from its
 * own.
 */
export function setRootPropagation(spec: Spec): Step[] {
  const { rootfsPropagation = "" } = spec.linux;
  if (!setsPropagation(spec)) return [];
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
      "defines how mounts made inside propagate to mount namespaces that are copied from this one",
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
            "a device node in the root filesystem, even one made later, cannot open a device of the host",
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
        "every path now starts in the root filesystem; unlike pivot_root, chroot leaves the host's mounts in place and only hides them",
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

/** Attaches an empty root in memory at a path. */
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
  why: "pivot_root needs a mount as the new root",
  man: "move_mount(2)",
}];

/** Mounts the root filesystem where it can become `/`. */
function layRoot(spec: Spec, facts: Facts, target: string): Step[] {
  const root = spec.root.path;
  const image = hostMountsOf(spec, facts).get(ROOT_MOUNT);
  const received = image ? [receiveMount(ROOT_MOUNT, image.descriptor)] : [];
  if (facts.rootKind === "empty") {
    return rootInMemory(
      target,
      "an empty root in memory, for only the requested mounts",
    );
  }
  if (facts.hostTree) {
    const readonly = spec.root.readonly ?? false;
    return [
      ...rootInMemory(
        target,
        "a root in memory, because in a user namespace an overlay cannot cover /, which has mounts below it",
      ),
      ...layHostTree(facts.hostTree, target, HIGH),
      ...(readonly
        ? [
          seal(
            target,
            "the root and the mounts that it consists of cannot be changed",
          ),
        ]
        : []),
    ];
  }
  const layers = facts.layers
    ? [
      ...attachMapped(spec, facts, target),
      ...mountLayers(belowMapped(facts.layers, target), target),
    ]
    : [];
  if (facts.overlay) {
    return [...received, ...layers, {
      step: "mountOverlay",
      root: layers.length ? target : root,
      ...(image ? { lower: ROOT_MOUNT } : {}),
      target,
      ...facts.overlay,
      userNamespace: hasNamespace(spec, "user"),
      above: aboveOpen(spec, facts),
      why: facts.overlay.upper === null
        ? "changes are kept in a layer in memory over the root filesystem and lost when the container ends"
        : `changes are kept in ${facts.overlay.upper}, and the root filesystem stays unchanged`,
      man: "mount(2), the kernel's overlayfs documentation",
    }];
  }
  if (layers.length) return layers;
  if (image) {
    return [...received, {
      step: "attach",
      name: ROOT_MOUNT,
      target,
      why: "pivot_root needs a mount as the new root",
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
    why:
      "pivot_root needs a mount as the new root, and a bind mount turns a directory into one",
    man: "mount(2)",
  };
  if (facts.rootKind === "host") {
    return [
      bind,
      ...(spec.root.readonly
        ? [
          seal(
            target,
            "no file system of the host's tree can be changed; later mounts have their own setting",
          ),
        ]
        : []),
    ];
  }
  // Only a mount can be nodev or read-only, a directory cannot.
  const needsMount = facts.changeRoot === "pivot_root" ||
    facts.confineDevices || spec.root.readonly || setsPropagation(spec);
  return needsMount ? [bind] : [];
}

/** Attaches the mounts with mapped owners, which the overlay covers. */
function attachMapped(spec: Spec, facts: Facts, target: string): Step[] {
  const mounts = hostMountsOf(spec, facts);
  const places = [
    [MAPPED_CHANGES, target],
    [MAPPED_LAYERS, `${target}/layers`],
  ] as const;
  return places.flatMap(([name, place]): Step[] => {
    const mount = facts.layers?.mapped && mounts.get(name);
    return mount
      ? [receiveMount(name, mount.descriptor), {
        step: "attach",
        name,
        target: place,
        why:
          "the overlay takes its layers from here, with mapped owners, and covers this mount",
        man: "move_mount(2)",
      }]
      : [];
  });
}

const COVER = "cover";

/**
 * Opens the cover of masked files on the host, while its tree still exists. One
 * is enough for all: it can be copied once it is mounted over the first file.
 */
export function openCover(spec: Spec): Step[] {
  if (!spec.linux.maskedPaths?.length) return [];
  return openHostFile(
    COVER,
    "/dev/null",
    "covers the masked paths that are files; the host's device, because the container's /dev/null could be a symbolic link",
  );
}

const KERNEL: readonly [type: KernelType, place: string][] = [
  ["proc", "/proc"],
  ["sysfs", "/sys"],
];

/**
 * The kernel's file system in which a path lies by the Spec. A container that
 * shares the root filesystem could rename /proc between its mount and these
 * steps. A path that is followed from `/` would then mask something else
 * (CVE-2025-31133 and similar).
 */
function kernelOf(spec: Spec, path: string): KernelType | undefined {
  return KERNEL.find(([type, place]) =>
    path.startsWith(`${place}/`) &&
    spec.mounts?.some((mount) =>
      mount.destination === place && mount.type === type
    )
  )?.[0];
}

/** For each path: the file system of the kernel from which it is followed, if any. */
function anchors(
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

/** Masks paths and makes them read-only, once every mount is in its place. */
export function sealRoot(spec: Spec): Step[] {
  const { readonlyPaths = [], maskedPaths = [] } = spec.linux;
  const all = anchors(spec, [...readonlyPaths, ...maskedPaths]);
  const within = (index: number) => all[index] ? { within: all[index] } : {};
  return [
    ...readonlyPaths.map((path, index): Step => ({
      step: "readonlyPath",
      path,
      ...within(index),
      why: "a write here would change the host's kernel",
      man: "open_tree(2), mount_setattr(2)",
    })),
    ...maskedPaths.map((path, index): Step => ({
      step: "maskPath",
      path,
      ...within(readonlyPaths.length + index),
      cover: COVER,
      last: index === maskedPaths.length - 1,
      why: "this path shows or changes the host, and no namespace isolates it",
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
            "the root filesystem must not be changed; mounts on it keep their own setting",
          man: "mount_setattr(2)",
        } as const,
      ]
      : []),
  ];
}
