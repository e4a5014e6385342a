/**
 * Bind mounts in a user namespace whose source lies below a directory that is
 * closed to others. Root of the user namespace may not go there, the caller may.
 * So while the walker still has the caller's rights, it leaves the host's mount
 * namespace for one of its own, opens these sources, and covers the closed
 * directory with one in memory that has nothing in it but them. The container's
 * mount namespace is made as a copy of that: as with every copy for another user
 * namespace, what is restricted in it stays so. Pure.
 */

import type { Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import { fresh, hasNamespace } from "../namespaces.ts";
import { isolateMounts } from "./root.ts";
import type { Step } from "../step.ts";

const nameOf = (index: number, source: number) => `closed${index}_${source}`;

/** The first steps of the walker, before any namespace is entered or made. */
export function openClosedSources(spec: Spec, facts: Facts): Step[] {
  const { closed = [] } = facts.places ?? {};
  const isOwn = hasNamespace(spec, "user") && fresh(spec).includes("mount");
  if (!closed.length || !isOwn) return [];
  return [
    {
      step: "unshare",
      namespaces: ["mount"],
      why:
        "what follows is done with the caller's rights, and the host is to see nothing of it",
      man: "unshare(2), mount_namespaces(7)",
    },
    ...isolateMounts(spec),
    ...closed.flatMap(({ directory, sources }, index): Step[] => [
      ...sources.map(({ path }, source): Step => ({
        step: "openTree",
        name: nameOf(index, source),
        source: path,
        recursive: true,
        why:
          `${directory} is closed to the user that root inside really is: it is opened with the caller's rights`,
        man: "open_tree(2)",
      })),
      {
        step: "createFilesystem",
        name: "cover",
        type: "tmpfs",
        source: "closed",
        options: ["mode=755"],
        attributes: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV"],
        why: "a directory in its place that leads to these sources alone",
        man: "fsopen(2), fsmount(2), tmpfs(5)",
      },
      {
        step: "attach",
        name: "cover",
        target: directory,
        why: "in this mount namespace, and those that are made of it",
        man: "move_mount(2)",
      },
      ...sources.flatMap(({ path, kind }, source): Step[] => [
        {
          step: "makeMountpoint",
          path,
          kind,
          inside: directory,
          why: "the source is found at its path",
          man: kind === "file" ? "mknod(2)" : "mkdir(2)",
        },
        {
          step: "attach",
          name: nameOf(index, source),
          target: path,
          why: "where root inside may go",
          man: "move_mount(2)",
        },
      ]),
    ]),
  ];
}
