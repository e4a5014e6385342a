/**
 * Mounts that the parent makes on the host and hands to the container by
 * descriptor. In a user namespace nobody may make them: the ids of a file
 * system are mapped, and a disk's file system is mounted, only by who
 * administers the host. They are attached nowhere until the container does
 * it, so the host never sees them, and the last process that holds one takes
 * it along.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import { mountOptions } from "./options.ts";
import type { Plan, StepOf } from "../step.ts";

/** From this number on PID 1 finds them, one after the other. */
export const HOST_MOUNTS_FROM = 31;

/** The numbers up to those of the descriptors that the command keeps. */
const FEW_HOST_MOUNTS = 12;

/**
 * Where more of them begin: behind all that a process of ours has open, at the
 * price of a larger table of descriptors.
 */
const MANY_HOST_MOUNTS_FROM = 64;

/** Behind the descriptors that the command keeps there are some of ours. */
const BEHIND_PRESERVED = 8;

/** From this number on are the descriptors that the command keeps, on their way. */
export const PRESERVED_FROM = HOST_MOUNTS_FROM + FEW_HOST_MOUNTS;

/** As many as a plan has names for, beside its other mounts. */
export const MOST_HOST_MOUNTS = 200;

/** Whether there are so many of them that they need a larger table of descriptors. */
export const areMany = (mounts: { size: number }): boolean =>
  mounts.size > FEW_HOST_MOUNTS;

/** The name of the root filesystem among the mounts of a plan. */
export const ROOT_MOUNT = "root";

/** The name of the Spec's mount number `index`. */
export const mountName = (index: number) => `mount${index}`;

const RECEIVES = ["slave", "rslave", "shared", "rshared"];

/** Whether a mount asks to see what the host mounts below it later. */
export const receives = ({ options = [] }: Mount) =>
  options.some((option) => RECEIVES.includes(option));

/** Whether a mount asks for its ids to be mapped, by option or as OCI has it. */
export const asksForMap = (
  { options = [], uidMappings, gidMappings }: Mount,
) =>
  Boolean(uidMappings?.length || gidMappings?.length) ||
  options.some((option) => /^r?idmap(=|$)/.test(option));

/** Whether the ids of a mount are mapped. */
export const isMapped = (mount: Mount) => Boolean(mount.uidMappings?.length);

/** Whether a mount is a tmpfs with a copy of what it covers. */
export const isCopy = ({ type, options = [] }: Mount) =>
  type === "tmpfs" && mountOptions(options).copyUp;

type HostMountKind = "mapMount" | "mountImage" | "copyUp";

const HOST_MOUNT_KINDS = new Set<string>(
  ["mapMount", "mountImage", "copyUp"] satisfies HostMountKind[],
);

type HostMountFacts = Pick<
  Facts,
  "image" | "rootless" | "mapHelper" | "denySetgroups"
>;

/** The user namespace of a container; an ordinary user makes nothing outside of it. */
function namespaceOf(
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

/** The step of the parent that makes each of them, by the mount's name. */
export function hostMountsOf(
  spec: Spec,
  facts: HostMountFacts,
): Map<string, StepOf<HostMountKind>> {
  const steps = new Map<string, StepOf<HostMountKind>>();
  const { image } = facts;
  const mounts = spec.mounts ?? [];
  const all = (image ? 1 : 0) +
    mounts.filter((mount) => isCopy(mount) || isMapped(mount)).length;
  const from = areMany({ size: all })
    ? Math.max(
      MANY_HOST_MOUNTS_FROM,
      PRESERVED_FROM + (spec.process.preserve ?? 0) + BEHIND_PRESERVED,
    )
    : HOST_MOUNTS_FROM;
  const next = () => from + steps.size;
  if (image) {
    steps.set(ROOT_MOUNT, {
      step: "mountImage",
      ...image,
      descriptor: next(),
      why:
        "the root filesystem is in a file: a loop device makes a disk of it, which is gone with its last user",
      man: "loop(4), fsopen(2), fsmount(2)",
    });
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
        why: "it begins with what it covers, tmpcopyup",
        man: "fsopen(2), fsmount(2), cp(1)",
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
        `at ${destination} files belong to the ids that those on disk are mapped to, and what is written there is written back under the ids on disk`,
      man: "mount_setattr(2), MOUNT_ATTR_IDMAP",
    });
  }
  return steps;
}

/** Whether a plan has any: what makes them is loaded then only. */
export const hasHostMounts = ({ host }: Pick<Plan, "host">) =>
  host.some(({ step }) => HOST_MOUNT_KINDS.has(step));

/** The container's side: what was handed over gets the name it has in the plan. */
export function receiveMount(
  name: string,
  descriptor: number,
): StepOf<"receiveMount"> {
  return {
    step: "receiveMount",
    name,
    descriptor,
    why: "the parent made it on the host, where it is allowed",
    man: "fcntl(2), move_mount(2)",
  };
}
