/**
 * Changes over the host's own tree in a user namespace. The kernel lets no
 * overlay there lie on a directory that has mounts below it, since that would
 * show what they hide; and `/` always has some. So a root in memory gets an
 * overlay for each directory at the top, and what cannot have one as it is.
 */

import type { HostEntry } from "../facts.ts";
import type { Step } from "../step.ts";

/**
 * A directory of the host that is covered, in this mount tree only, where the
 * new root has none of its own to be mounted on.
 */
export const STAGING = "/tmp";

/** Nothing of what is mounted at a path, or below it, can be changed any more. */
export const seal = (path: string, why: string): Step => ({
  step: "setMountAttributes",
  mount: { path },
  set: ["MOUNT_ATTR_RDONLY"],
  recursive: true,
  why,
  man: "mount_setattr(2)",
});

/**
 * What such a root is made of, from a root in memory at a target.
 *
 * @param above a number above those of the descriptors that are open then
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
  if (entry.kind === "directory" && path === STAGING) {
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
  }, seal(target, "and cannot be changed, on whatever file system it lies")];
}
