/**
 * A writable layer over the host's own tree, in a user namespace. There the
 * kernel allows no overlay on a directory with mounts below it, since the
 * overlay would show what they cover, and `/` always has such mounts. So a root
 * in memory gets an overlay for each directory at the top. Entries that cannot
 * have an overlay are bind mounted read-only.
 */

import type { HostEntry } from "../facts.ts";
import type { Step } from "../step.ts";

/**
 * The directory of the host that is covered, in this mount namespace only, by a
 * new root that has no directory of its own.
 */
export const STAGING = "/tmp";

/** Makes the mount at a path read-only, with all mounts below it. */
export const seal = (path: string, why: string): Step => ({
  step: "setMountAttributes",
  mount: { path },
  set: ["MOUNT_ATTR_RDONLY"],
  recursive: true,
  why,
  man: "mount_setattr(2)",
});

/**
 * Fills the root in memory at `target`.
 *
 * @param above a number above every descriptor that is open at these steps
 */
export const layHostTree = (
  entries: readonly HostEntry[],
  target: string,
  above: number,
): Step[] =>
  entries.flatMap((entry) => lay(entry, `${target}${entry.path}`, above));

function lay(entry: HostEntry, target: string, above: number): Step[] {
  const { path } = entry;
  if (entry.kind === "link") {
    return [{
      step: "makeSymlink",
      path: target,
      to: entry.to,
      why: "the same symbolic link as on the host",
      man: "symlink(2)",
    }];
  }
  const place: Step = {
    step: "makeMountpoint",
    path: target,
    kind: entry.kind === "file" ? "file" : "directory",
    why: "a mount needs an existing mount point",
    man: "mkdir(2)",
  };
  if (entry.kind === "place") return [place];
  if (entry.kind === "directory" && path === STAGING) {
    return [place, {
      step: "mount",
      source: "tmpfs",
      target,
      type: "tmpfs",
      flags: ["MS_NOSUID", "MS_NODEV"],
      data: "mode=1777",
      why:
        "the host's /tmp is covered by the new root, so the container gets an empty one",
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
        "changes are kept in a layer in memory over the directory and lost when the container ends",
      man: "mount(2), the kernel's overlayfs documentation",
    }];
  }
  return [
    place,
    {
      step: "mount",
      source: path,
      target,
      type: null,
      flags: ["MS_BIND", "MS_REC"],
      data: null,
      why: "an overlay cannot cover this entry, so it is the host's own",
      man: "mount(2)",
    },
    seal(
      target,
      "the host's own files must not be changed, on every file system below",
    ),
  ];
}
