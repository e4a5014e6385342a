/**
 * Bind mounts in a user namespace with a source below a directory that is
 * closed to other users. Root of the user namespace may not enter that
 * directory, but the caller may. So while the walker still has the caller's
 * rights, it enters a mount namespace of its own and opens these sources. It
 * then covers the closed directory with one in memory that contains only the
 * sources. The container's mount namespace is a copy of that namespace. As with
 * every copy for another user namespace, its mounts keep their restrictions.
 * Pure.
 */

import type { Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import { hasNamespace, newNamespaces } from "../namespaces.ts";
import { isolateMounts } from "./root.ts";
import type { Step } from "../step.ts";

const nameOf = (index: number, source: number) => `closed${index}_${source}`;

/** The first steps of the walker, before any namespace is entered or made. */
export function openClosedSources(spec: Spec, facts: Facts): Step[] {
  const { closed = [] } = facts.places ?? {};
  const isOwn = hasNamespace(spec, "user") &&
    newNamespaces(spec).includes("mount");
  if (!closed.length || !isOwn) return [];
  return [
    {
      step: "unshare",
      namespaces: ["mount"],
      why:
        "the next steps mount with the caller's privileges, and the host must not see these mounts",
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
          `the host user that root inside maps to cannot enter ${directory}, so this is opened with the caller's privileges`,
        man: "open_tree(2)",
      })),
      {
        step: "createFilesystem",
        name: "cover",
        type: "tmpfs",
        source: "closed",
        options: ["mode=755"],
        attributes: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV"],
        why: "replaces the directory and contains only these sources",
        man: "fsopen(2), fsmount(2), tmpfs(5)",
      },
      {
        step: "attach",
        name: "cover",
        target: directory,
        why:
          "covers the closed directory, in this mount namespace and its copies only",
        man: "move_mount(2)",
      },
      ...sources.flatMap(({ path, kind }, source): Step[] => [
        {
          step: "makeMountpoint",
          path,
          kind,
          inside: directory,
          why: "the source stays available at its own path",
          man: kind === "file" ? "mknod(2)" : "mkdir(2)",
        },
        {
          step: "attach",
          name: nameOf(index, source),
          target: path,
          why: "root inside may enter the path here",
          man: "move_mount(2)",
        },
      ]),
    ]),
  ];
}
