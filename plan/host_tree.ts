/**
 * Changes over the host's own tree in a user namespace. The kernel lets no
 * overlay there lie on a directory that has mounts below it, since that would
 * show what they hide; and `/` always has some. So a root in memory gets an
 * overlay for each directory at the top, and what cannot have one as it is.
 */

import type { HostEntry } from "./facts.ts";
import type { Step } from "./step.ts";

/** Where the host's tree is covered while the new one is put together. */
const COVERED = "/tmp";

/** The steps that lay such a root at a target, and what it is made of. */
export function layHostTree(
  entries: readonly HostEntry[],
  target: string,
  { readonly, above }: { readonly: boolean; above: number },
): Step[] {
  return [
    {
      step: "createFilesystem",
      name: "root",
      type: "tmpfs",
      source: "root",
      options: ["mode=755"],
      attributes: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV"],
      why:
        "a root in memory, since no overlay can lie on / in a user namespace: there are mounts below it",
      man: "fsopen(2), fsmount(2), tmpfs(5)",
    },
    {
      step: "attach",
      name: "root",
      target,
      why: "pivot_root takes a mount point only",
      man: "move_mount(2)",
    },
    ...entries.flatMap((entry) => lay(entry, `${target}${entry.path}`, above)),
    ...(readonly
      ? [
        {
          step: "setMountAttributes",
          mount: { path: target },
          set: ["MOUNT_ATTR_RDONLY"],
          recursive: true,
          why: "the root filesystem cannot be changed, nor what it is made of",
          man: "mount_setattr(2)",
        } as const,
      ]
      : []),
  ];
}

function lay(entry: HostEntry, target: string, above: number): Step[] {
  const { path } = entry;
  if (entry.kind === "link") {
    return [{
      step: "makeSymlink",
      path: target,
      to: entry.to,
      why: "it is the same inside",
      man: "symlink(2)",
    }];
  }
  const place: Step = {
    step: "makeMountpoint",
    path: target,
    kind: entry.kind === "file" ? "file" : "directory",
    why: "something has to be there to mount on",
    man: "mkdir(2)",
  };
  if (entry.kind === "place") return [place];
  if (entry.kind === "directory" && path === COVERED) {
    return [place, {
      step: "mount",
      source: "tmpfs",
      target,
      type: "tmpfs",
      flags: ["MS_NOSUID", "MS_NODEV"],
      data: "mode=1777",
      why: "the host's is covered, and nobody misses what was in it",
      man: "tmpfs(5)",
    }];
  }
  if (entry.kind === "directory") {
    return [place, {
      step: "mountOverlay",
      root: path,
      target,
      upper: null,
      work: null,
      userNamespace: true,
      above,
      why:
        "changes go to a layer in memory over the directory and are gone with the container",
      man: "mount(2), the kernel's overlayfs documentation",
    }];
  }
  return [place, {
    step: "mount",
    source: path,
    target,
    type: null,
    flags: ["MS_BIND", "MS_REC"],
    data: null,
    why: "no overlay can lie on it: it is the host's",
    man: "mount(2)",
  }, {
    step: "setMountAttributes",
    mount: { path: target },
    set: ["MOUNT_ATTR_RDONLY"],
    recursive: true,
    why: "and cannot be changed, on whatever file system it lies",
    man: "mount_setattr(2)",
  }];
}
