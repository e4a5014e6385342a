/**
 * /sys/fs/cgroup: where programs read what they may use. On cgroup v2 it is one
 * file system; on v1, and on both at once, a directory in memory with the
 * hierarchy of each controller in it. Mounted in the container's cgroup
 * namespace they begin at its own cgroup: the host's others are not in it.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import type { CgroupLayout, Facts } from "../facts.ts";
import { mountOptions } from "./options.ts";
import { hasNamespace } from "../namespaces.ts";
import type { Step } from "../step.ts";

/** Where they are on every machine. */
const PLACE = "/sys/fs/cgroup";

const READ_ONLY =
  "it can read what it may use, and not give itself more or move out of it";

/** The host's own mount, in the place of another. */
const lent = (mount: Mount): Mount => ({
  ...mount,
  type: "bind",
  source: PLACE,
  options: ["rbind", ...mount.options ?? []],
});

/**
 * What the `cgroup` mount of a Spec comes to where the container shares the
 * host's cgroup namespace: the view that the host has.
 */
export function fitCgroups(spec: Spec): Mount[] {
  const { mounts = [] } = spec;
  if (hasNamespace(spec, "cgroup")) return mounts;
  return mounts.map((mount) => mount.type === "cgroup" ? lent(mount) : mount);
}

/** /proc/PID/cgroup, cgroups(7), as a layout; null where there are no cgroups. */
export function parseLayout(text: string): CgroupLayout | null {
  const lines = text.split("\n").flatMap((line) =>
    line.match(/^\d+:([^:]*):/)?.[1] ?? []
  );
  const hierarchies = lines.filter((names) => names).toReversed();
  if (hierarchies.length) return { version: 1, hierarchies };
  return lines.length ? { version: 2 } : null;
}

/** Of the options of a mount of v2 those that are the whole machine's, cgroups(7). */
const UNIFIED_FLAGS = [
  "nsdelegate",
  "favordynmods",
  "memory_localevents",
  "memory_recursiveprot",
  "memory_hugetlb_accounting",
  "pids_localevents",
];

/** {@linkcode Facts.unifiedFlags}, of /proc/self/mountinfo. */
export function parseUnifiedFlags(mountinfo: string): string[] {
  const [, options = ""] = mountinfo.match(/ - cgroup2 \S+ (\S+)$/m) ?? [];
  return options.split(",").filter((word) => UNIFIED_FLAGS.includes(word));
}

/** The name of a hierarchy's directory. */
const directoryOf = (names: string) => names.replace(/^name=/, "");

const treeName = (names: string) => `cgroup-${directoryOf(names)}`;

/**
 * What has to be opened while the host's tree is still there. A hierarchy of v1
 * that is mounted without a cgroup namespace begins at its root: all the host's
 * cgroups would be in it. The container's own directory is bound in its place.
 */
export function prepareCgroups(
  { options = [] }: Mount,
  { cgroups }: Facts,
): Step[] {
  if (cgroups?.version !== 1 || !cgroups.places) return [];
  const { attributes } = mountOptions(options);
  return Object.entries(cgroups.places).flatMap(([names, path]): Step[] => [
    {
      step: "openTree",
      name: treeName(names),
      source: path,
      recursive: false,
      why: "its own cgroup alone, of all that the host has",
      man: "open_tree(2), cgroups(7)",
    },
    {
      step: "setMountAttributes",
      mount: { name: treeName(names) },
      set: attributes,
      propagation: "private",
      recursive: false,
      why: "set before anyone inside can see it",
      man: "mount_setattr(2)",
    },
  ]);
}

/**
 * In a user namespace the tree of v2 can be mounted with a cgroup namespace that
 * belongs to it. In the host's, the host's own mount is lent, as runc does it.
 */
export function lendCgroups(spec: Spec, facts: Facts): Spec {
  const { bindCgroups, cgroups } = facts;
  if (!bindCgroups || hasNamespace(spec, "cgroup")) return spec;
  return {
    ...spec,
    mounts: spec.mounts?.map((mount) =>
      mount.type === "cgroup2" ||
        mount.type === "cgroup" && cgroups?.version === 2
        ? lent(mount)
        : mount
    ),
  };
}

/** The mount of type `cgroup` of a Spec, as runc and docker understand it. */
export function attachCgroups(
  { destination, options = [] }: Mount,
  { cgroups, unifiedFlags }: Facts,
): Step[] {
  if (!cgroups) return [];
  const { flags } = mountOptions(options);
  const readonly = flags.includes("MS_RDONLY");
  const makePlace = (path: string): Step => ({
    step: "makeMountpoint",
    path,
    kind: "directory",
    why: "something has to be there to mount on",
    man: "mkdir(2)",
  });
  const mount = (type: string, target: string, data: string | null): Step => ({
    step: "mount",
    source: "cgroup",
    target,
    type,
    flags,
    data,
    why: `its own cgroup, seen as the root of the tree${
      readonly ? `: ${READ_ONLY}` : ""
    }`,
    man: "cgroups(7), cgroup_namespaces(7)",
  });
  if (cgroups.version === 2) {
    const data = unifiedFlags.join() || null;
    return [makePlace(destination), mount("cgroup2", destination, data)];
  }
  return [
    makePlace(destination),
    {
      step: "mount",
      source: "cgroup",
      target: destination,
      type: "tmpfs",
      flags: flags.filter((flag) => flag !== "MS_RDONLY"),
      data: "mode=755,size=64k",
      why: "of cgroup v1 each hierarchy is a file system, and gets a directory",
      man: "cgroups(7)",
    },
    ...cgroups.hierarchies.flatMap((names): Step[] => {
      if (cgroups.places && !(names in cgroups.places)) return [];
      const directory = directoryOf(names);
      const path = `${destination}/${directory}`;
      // Where one has several controllers, each has a name there.
      const each = names.includes(",") ? names.split(",") : [];
      return [
        makePlace(path),
        cgroups.places
          ? {
            step: "attach",
            name: treeName(names),
            target: path,
            why: `its own cgroup${readonly ? `: ${READ_ONLY}` : ""}`,
            man: "move_mount(2), cgroups(7)",
          }
          : mount("cgroup", path, names),
        ...each.map((name): Step => ({
          step: "makeSymlink",
          path: `${destination}/${name}`,
          to: directory,
          why: "programs look for a controller by its own name",
          man: "symlink(2), cgroups(7)",
        })),
      ];
    }),
    ...(readonly
      ? [
        {
          step: "setMountAttributes",
          mount: { path: destination },
          set: ["MOUNT_ATTR_RDONLY"],
          recursive: false,
          why: "the directories stand; nothing else is to be put there",
          man: "mount_setattr(2)",
        } as const,
      ]
      : []),
  ];
}
