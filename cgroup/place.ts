/**
 * Finds the path of a container's cgroup in a tree, and the directories on the
 * way. Changes nothing.
 *
 * A relative path is resolved like runc does. On v1 it is below the cgroup of
 * this process, so limits that apply to us apply to the container. On v2 it is
 * next to that cgroup, since a cgroup that contains processes cannot enable
 * controllers for its children (the "no internal processes" rule of
 * cgroups(7)).
 *
 * @module
 */

import { ContainerError, SpecError } from "../spec/errors.ts";
import { isCgroupPath } from "../spec/resources.ts";
import { type CgroupMount, join, type ReadLevel } from "./hierarchy.ts";
import { type CgroupStep, MAN, type Need } from "./step.ts";

/** The directory above. */
export const parentOf = (path: string): string =>
  path.slice(0, path.lastIndexOf("/")) || "/";

/**
 * The path of a container's cgroup in a tree.
 *
 * @throws SpecError if the id or the path cannot be used
 */
export function groupPath(
  mount: CgroupMount,
  { id, cgroupsPath = `container-${id}` }: { id: string; cgroupsPath?: string },
  read: ReadLevel,
): string {
  if (!/^(?!\.\.?$)[\w.+-]+$/.test(id)) {
    throw new SpecError(`${JSON.stringify(id)} is not a valid cgroup name`);
  }
  const parts = cgroupsPath.split("/");
  if (!isCgroupPath(cgroupsPath)) {
    throw new SpecError(
      `linux.cgroupsPath ${JSON.stringify(cgroupsPath)} is not a cgroup path`,
      { hint: "Use a path such as /containers/web" },
    );
  }
  return join(
    cgroupsPath.startsWith("/") ? mount.path : base(mount, read),
    parts.filter((part) => part && part !== ".").join("/"),
  );
}

function base({ version, own, path }: CgroupMount, read: ReadLevel): string {
  // A path of another cgroup namespace may not be visible here.
  const level = own === path ? null : read(own);
  if (!level) return path;
  const above = parentOf(own);
  // If we may write to our own cgroup but not above it, use our own. It must
  // not contain processes by then.
  const ours = level.writable && !read(above)?.writable;
  return version === 1 || ours ? own : above;
}

/**
 * The missing directories, parents first; null if we may not make them.
 *
 * @throws ContainerError if the cgroup contains processes
 */
export function missingDirectories(
  mount: CgroupMount,
  path: string,
  read: ReadLevel,
): string[] | null {
  const made: string[] = [];
  for (let directory = path;; directory = parentOf(directory)) {
    const level = read(directory);
    if (directory === path && level?.populated) {
      throw new ContainerError(
        `Cannot use the cgroup ${path}: it contains processes`,
        { hint: "Use another container ID or another linux.cgroupsPath" },
      );
    }
    if (level) return level.writable ? made : null;
    if (directory === mount.path || directory === "/") return null;
    made.unshift(directory);
  }
}

/** The directories from the top of the tree to the one above `path`. */
export function directoriesAbove(top: string, path: string): string[] {
  const found: string[] = [];
  for (let directory = parentOf(path);; directory = parentOf(directory)) {
    found.unshift(directory);
    if (directory === top || directory === "/") return found;
  }
}

/** The steps that make a missing directory. */
export function makeDirectory(
  mount: CgroupMount,
  directory: string,
  path: string,
  need: Need,
): CgroupStep[] {
  const tree = mount.version === 2 ? "v2" : mount.controllers.join();
  const purpose = [...new Set(need.required.values())].join(", ");
  const isOwn = directory === path;
  const steps: CgroupStep[] = [{
    step: "makeDirectory",
    path: directory,
    mode: 0o755,
    exact: true,
    ...(isOwn ? { exclusive: true } : {}),
    why: isOwn
      ? `the container's own cgroup (${tree})${
        purpose ? `, to ${purpose}` : ""
      }`
      : "a parent of the container's cgroup, as requested",
    man: MAN[mount.version],
    undo: [
      isOwn
        ? { undo: "removeCgroup", version: mount.version, path }
        : { undo: "leaveCgroup", path: directory },
    ],
  }];
  if (mount.version === 1 && mount.controllers.includes("cpuset")) {
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      steps.push({
        step: "fillCpuset",
        from: `${parentOf(directory)}/${file}`,
        path: `${directory}/${file}`,
        why:
          "a new v1 cpuset is empty, and a process cannot be in an empty cpuset",
        man: "cpuset(7)",
        undo: "kernel",
      });
    }
  }
  return steps;
}

/** The step that uses an empty cgroup which exists already. */
export const takeCgroup = (
  { version }: CgroupMount,
  path: string,
): CgroupStep => ({
  step: "takeCgroup",
  path,
  why:
    "the requested cgroup exists already and is empty; it becomes the container's own",
  man: MAN[version],
  undo: [{ undo: "removeCgroup", version, path, found: true }],
});

/**
 * The cgroup cannot be had: this machine lacks it, or the operation needs its
 * owner or root.
 */
export class CgroupDenied extends ContainerError {
  override name = "CgroupDenied";
}

const DELEGATE =
  "Run as root, or in a cgroup that is delegated to you: systemd-run --user --scope -p Delegate=yes container …";

/** The error for a cgroup that we may not make, with the fix. */
export function cgroupDenied(
  { version }: CgroupMount,
  path: string,
  need: Need,
): CgroupDenied {
  return new CgroupDenied(
    `Cannot ${
      purposeOf(need)
    }: ${path} cannot be created, because you do not have permission to change its parent cgroup`,
    {
      hint: version === 1
        ? "Run as root, or boot with cgroup v2, where systemd delegates cgroups to users"
        : DELEGATE,
    },
  );
}

const purposeOf = (need: Need) =>
  [...need.required.values()][0] ?? "create a cgroup";

/**
 * On v2 a process can be moved only by a user who may write to cgroup.procs of
 * the nearest common ancestor, cgroups(7). So a user cannot take a process out
 * of a cgroup that was delegated to somebody else.
 *
 * @throws CgroupDenied if the container's process cannot be moved
 */
export function checkMove(
  { version, own, path: top }: CgroupMount,
  path: string,
  need: Need,
  read: ReadLevel,
): void {
  if (version === 1 || !read(own)) return;
  const above = new Set([...directoriesAbove(top, own), own]);
  const shared = directoriesAbove(top, path).findLast((directory) =>
    above.has(directory)
  );
  if (shared === undefined || read(shared)?.movable !== false) return;
  throw new CgroupDenied(
    `Cannot ${
      purposeOf(need)
    }: a process cannot be moved from ${own} to ${path}, because you do not have permission to change their common parent ${shared}`,
    { hint: DELEGATE },
  );
}
