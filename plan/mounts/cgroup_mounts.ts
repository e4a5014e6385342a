/**
 * /sys/fs/cgroup: where programs read their limits. With cgroup v2 it is one
 * file system. With v1, or both versions, it is a directory in memory that
 * contains a mount for each hierarchy. Mounted in the container's cgroup
 * namespace, they begin at the container's own cgroup and do not show the
 * host's other cgroups.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import type { CgroupLayout, Facts } from "../facts.ts";
import { mountOptions } from "./options.ts";
import { hasNamespace } from "../namespaces.ts";
import type { Step } from "../step.ts";

/** The mountpoint of cgroups on every machine. */
const PLACE = "/sys/fs/cgroup";

const OWN_CGROUP = "the container's own cgroup";

const READ_ONLY =
  "processes inside can read their limits, but not raise them or leave the cgroup";

/** Replaces a mount by a bind mount of the host's own. */
const boundFromHost = (mount: Mount): Mount => ({
  ...mount,
  type: "bind",
  source: PLACE,
  options: ["rbind", ...mount.options ?? []],
});

/**
 * The mounts of a Spec. If the container shares the host's cgroup namespace,
 * its `cgroup` mount becomes a bind mount that shows what the host sees.
 */
export function fitCgroups(spec: Spec): Mount[] {
  const { mounts = [] } = spec;
  if (hasNamespace(spec, "cgroup")) return mounts;
  return mounts.map((mount) =>
    mount.type === "cgroup" ? boundFromHost(mount) : mount
  );
}

/** Reads the layout from /proc/PID/cgroup, cgroups(7); null without cgroups. */
export function parseLayout(text: string): CgroupLayout | null {
  const lines = text.split("\n").flatMap((line) =>
    line.match(/^\d+:([^:]*):/)?.[1] ?? []
  );
  const hierarchies = lines.filter((names) => names).toReversed();
  if (hierarchies.length) return { version: 1, hierarchies };
  return lines.length ? { version: 2 } : null;
}

/** The mount options of v2 that apply to the whole machine, cgroups(7). */
const UNIFIED_FLAGS = [
  "nsdelegate",
  "favordynmods",
  "memory_localevents",
  "memory_recursiveprot",
  "memory_hugetlb_accounting",
  "pids_localevents",
];

/** Reads {@linkcode Facts.unifiedFlags} from /proc/self/mountinfo. */
export function parseUnifiedFlags(mountinfo: string): string[] {
  const [, options = ""] = mountinfo.match(/ - cgroup2 \S+ (\S+)$/m) ?? [];
  return options.split(",").filter((word) => UNIFIED_FLAGS.includes(word));
}

/** The name of a hierarchy's directory. */
const directoryOf = (names: string) => names.replace(/^name=/, "");

const treeName = (names: string) => `cgroup-${directoryOf(names)}`;

/**
 * Opens the container's own directory in each v1 hierarchy, while the host's
 * tree still exists. Without a cgroup namespace, a mounted hierarchy begins at
 * its root and shows all cgroups of the host, so a bind mount takes its place.
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
      why:
        "shows only the container's own cgroup, not the other cgroups of the host",
      man: "open_tree(2), cgroups(7)",
    },
    {
      step: "setMountAttributes",
      mount: { name: treeName(names) },
      set: attributes,
      propagation: "private",
      recursive: false,
      why: "set before any process inside can see the mount",
      man: "mount_setattr(2)",
    },
  ]);
}

/**
 * In a user namespace, the v2 tree can be mounted only in a cgroup namespace
 * that belongs to the user namespace. With the host's cgroup namespace, the
 * host's mount is bind mounted instead, as runc does.
 */
export function bindHostCgroups(spec: Spec, facts: Facts): Spec {
  const { bindCgroups, cgroups } = facts;
  if (!bindCgroups || hasNamespace(spec, "cgroup")) return spec;
  return {
    ...spec,
    mounts: spec.mounts?.map((mount) =>
      mount.type === "cgroup2" ||
        mount.type === "cgroup" && cgroups?.version === 2
        ? boundFromHost(mount)
        : mount
    ),
  };
}

/** The steps of a Spec's mount of type `cgroup`, as runc and docker understand it. */
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
    why: "a mount needs an existing mount point",
    man: "mkdir(2)",
  });
  const mount = (type: string, target: string, data: string | null): Step => ({
    step: "mount",
    source: "cgroup",
    target,
    type,
    flags,
    data,
    why: `${OWN_CGROUP}, shown as the root of the tree${
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
      why:
        "with cgroup v1 each hierarchy is a separate file system and needs a directory here",
      man: "cgroups(7)",
    },
    ...cgroups.hierarchies.flatMap((names): Step[] => {
      if (cgroups.places && !(names in cgroups.places)) return [];
      const directory = directoryOf(names);
      const path = `${destination}/${directory}`;
      // A hierarchy with several controllers also gets a link for each of them.
      const each = names.includes(",") ? names.split(",") : [];
      return [
        makePlace(path),
        cgroups.places
          ? {
            step: "attach",
            name: treeName(names),
            target: path,
            why: `${OWN_CGROUP}${readonly ? `: ${READ_ONLY}` : ""}`,
            man: "move_mount(2), cgroups(7)",
          }
          : mount("cgroup", path, names),
        ...each.map((name): Step => ({
          step: "makeSymlink",
          path: `${destination}/${name}`,
          to: directory,
          why: "programs look for each controller by its name",
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
          why: "all directories exist now, and no more may be added",
          man: "mount_setattr(2)",
        } as const,
      ]
      : []),
  ];
}
