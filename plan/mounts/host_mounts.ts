/**
 * Mounts that the parent makes on the host and passes to the container as
 * descriptors. No process in a user namespace may make them: only root of the
 * host may map the ids of a file system or mount the file system of a disk. The
 * mounts stay detached until the container attaches them, so the host never
 * sees them. Each ends with the last process that holds it.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import {
  MAPPED_CHANGES,
  MAPPED_LAYERS,
  MAPPED_STORE,
  type MappedLayers,
} from "./image_layers.ts";
import { mountOptions } from "./options.ts";
import type { StepOf } from "../step.ts";

/** The descriptor of the first host mount in PID 1; the others follow. */
export const HOST_MOUNTS_FROM = 31;

/** How many host mounts fit below the descriptors that the command keeps. */
const FEW_HOST_MOUNTS = 12;

/**
 * The first descriptor if there are more host mounts: above everything that our
 * process has open, which costs a larger table of descriptors.
 */
const MANY_HOST_MOUNTS_FROM = 64;

/** Room for some of our descriptors above those that the command keeps. */
const ABOVE_PRESERVED = 8;

/** The first number, until the last steps, of the descriptors that the command keeps. */
export const PRESERVED_FROM = HOST_MOUNTS_FROM + FEW_HOST_MOUNTS;

/** Whether so many host mounts need a larger table of descriptors. */
export const areMany = (mounts: { size: number }): boolean =>
  mounts.size > FEW_HOST_MOUNTS;

/** The name of the root filesystem among the mounts of a plan. */
export const ROOT_MOUNT = "root";

/** The name in a plan of the Spec's mount number `index`. */
export const mountName = (index: number) => `mount${index}`;

const RECEIVES = ["slave", "rslave", "shared", "rshared"];

/** Whether a mount asks to receive the mounts that the host makes below it later. */
export const receives = ({ options = [] }: Mount) =>
  options.some((option) => RECEIVES.includes(option));

/** Whether a mount asks for mapped ids, by an option or by OCI's uidMappings. */
export const asksForMap = (
  { options = [], uidMappings, gidMappings }: Mount,
) =>
  Boolean(uidMappings?.length || gidMappings?.length) ||
  options.some((option) => /^r?idmap(=|$)/.test(option));

/** Whether the ids of a mount are mapped. */
export const isMapped = (mount: Mount) => Boolean(mount.uidMappings?.length);

/** Whether a mount is a tmpfs with a copy of the directory that it covers. */
export const isCopy = ({ type, options = [] }: Mount) =>
  type === "tmpfs" && mountOptions(options).copyUp;

type HostMountKind = "mapMount" | "mountImage" | "copyUp";

type HostMountFacts = Pick<
  Facts,
  | "image"
  | "layers"
  | "mountedImages"
  | "rootless"
  | "mapHelper"
  | "denySetgroups"
>;

/** The user namespace for a copy; an ordinary user can mount only inside it. */
export function namespaceOf(
  { linux }: Spec,
  { rootless = false, mapHelper, denySetgroups }: HostMountFacts,
): Pick<StepOf<"copyUp">, "namespace" | "inside"> {
  const user = linux.namespaces.find(({ type }) => type === "user");
  if (!user) return { inside: false };
  const { uidMappings = [], gidMappings = [] } = linux;
  return {
    inside: rootless,
    namespace: {
      uids: uidMappings,
      gids: gidMappings,
      helper: mapHelper,
      denySetgroups,
      ...(user.path === undefined ? {} : { path: user.path }),
    },
  };
}

/** The store of the images that are mounted, if its owners are mapped. */
const mappedStoreOf = ({ mountedImages = {} }: HostMountFacts) =>
  Object.values(mountedImages)[0]?.layers.mapped;

/** The host steps that make these mounts, by the mount's name in the plan. */
export function hostMountsOf(
  spec: Spec,
  facts: HostMountFacts,
): Map<string, StepOf<HostMountKind>> {
  const steps = new Map<string, StepOf<HostMountKind>>();
  const { image, layers } = facts;
  const mounts = spec.mounts ?? [];
  const store = mappedStoreOf(facts);
  const all = (image ? 1 : 0) + (layers?.mapped ? 2 : 0) + (store ? 1 : 0) +
    mounts.filter((mount) => isCopy(mount) || isMapped(mount)).length;
  const from = areMany({ size: all })
    ? Math.max(
      MANY_HOST_MOUNTS_FROM,
      PRESERVED_FROM + (spec.process.preserve ?? 0) + ABOVE_PRESERVED,
    )
    : HOST_MOUNTS_FROM;
  const next = () => from + steps.size;
  if (image) {
    steps.set(ROOT_MOUNT, {
      step: "mountImage",
      ...image,
      descriptor: next(),
      why:
        "the root filesystem is in an image file: a loop device presents the file as a disk, and is freed after its last use",
      man: "loop(4), fsopen(2), fsmount(2)",
      undo: "kernel",
    });
  }
  const map = (
    source: string,
    { uids, gids }: MappedLayers,
    why: string,
  ): StepOf<"mapMount"> => ({
    step: "mapMount",
    source,
    recursive: false,
    mapsBelow: false,
    propagation: "private",
    uids,
    gids,
    descriptor: next(),
    why,
    man: "mount_setattr(2), MOUNT_ATTR_IDMAP",
    undo: "kernel",
  });
  if (store) {
    steps.set(
      MAPPED_STORE,
      map(
        store.changes,
        store,
        "the owners in the layers of mounted images are those of the container's user namespace",
      ),
    );
  }
  if (layers?.mapped) {
    steps.set(
      MAPPED_CHANGES,
      map(
        layers.mapped.changes,
        layers.mapped,
        "what the container changes has the owners on the disk that it has inside, as the layers have",
      ),
    );
    steps.set(
      MAPPED_LAYERS,
      map(
        layers.mapped.layers,
        layers.mapped,
        "the owners in the image's layers are those of the container's user namespace",
      ),
    );
  }
  for (const [index, mount] of mounts.entries()) {
    if (isCopy(mount)) {
      const { attributes, data } = mountOptions(mount.options ?? []);
      steps.set(mountName(index), {
        step: "copyUp",
        root: spec.root.path,
        place: mount.destination,
        options: data,
        attributes,
        ...namespaceOf(spec, facts),
        descriptor: next(),
        why:
          "with tmpcopyup, the tmpfs starts with a copy of the directory that it covers",
        man: "fsopen(2), fsmount(2), cp(1)",
        undo: "kernel",
      });
    }
    if (!isMapped(mount)) continue;
    const { options = [], destination, source = destination } = mount;
    steps.set(mountName(index), {
      step: "mapMount",
      source,
      recursive: mountOptions(options).recursive,
      mapsBelow: options.includes("ridmap"),
      propagation: receives(mount) ? "slave" : "private",
      uids: mount.uidMappings ?? [],
      gids: mount.gidMappings ?? [],
      descriptor: next(),
      why:
        `shows files at ${destination} with mapped owners, and maps the owners of new files back to the IDs on disk`,
      man: "mount_setattr(2), MOUNT_ATTR_IDMAP",
      undo: "kernel",
    });
  }
  return steps;
}

/** How many descriptors fit into the kernel's first table. */
const SMALL_TABLE = 64;
/** With at most so many open mounts and devices, the end of that table stays free. */
const FEW = 32;
/** A number above every descriptor of a plan with some hundred open mounts. */
export const HIGH = 300;

/**
 * The number at which the overlay's layers are opened. A larger table costs the
 * kernel some milliseconds, so it is used only if many mounts and devices are
 * open.
 */
export function aboveOpen(spec: Spec, facts: Facts): number {
  const { mounts = [], linux, process } = spec;
  const { devices = [], maskedPaths = [] } = linux;
  const open = mounts.length + devices.length + maskedPaths.length +
    (process.preserve ?? 0);
  return open > FEW || areMany(hostMountsOf(spec, facts))
    ? Math.max(HIGH, 2 * SMALL_TABLE + open)
    : SMALL_TABLE - 4;
}

/** The container's step: gives a passed descriptor its name in the plan. */
export function receiveMount(
  name: string,
  descriptor: number,
): StepOf<"receiveMount"> {
  return {
    step: "receiveMount",
    name,
    descriptor,
    why: "the parent created this mount on the host, where it is allowed",
    man: "fcntl(2), move_mount(2)",
  };
}
