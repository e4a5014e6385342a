/**
 * A systemd scope: a cgroup that systemd knows and delegates to us. Where
 * systemd runs, it owns every cgroup except those below a unit with
 * Delegate=yes, and may undo changes elsewhere. This file plans and reads;
 * start_scope.ts starts the scope. See systemd.scope(5) and "Control Group APIs
 * and Delegation" of systemd's documentation.
 *
 * @module
 */

import type { CgroupScope, Manager } from "../step.ts";
import type { CgroupFiles, CgroupMount, ReadLevel } from "../hierarchy.ts";
import { parentOf } from "../place.ts";

/**
 * Uses the first socket that exists. The manager's own socket needs no bus
 * daemon.
 */
function managerOf(
  uid: number,
  cgroup: string,
  sockets: readonly [socket: string, direct: boolean][],
  files: CgroupFiles,
): Manager | null {
  const found = sockets.find(([socket]) => files.access(socket, "exists"));
  return found ? { socket: found[0], direct: found[1], uid, cgroup } : null;
}

/** The system's manager, if systemd is PID 1 and answers, sd_booted(3). */
export const systemManager = (files: CgroupFiles): Manager | null =>
  files.access("/run/systemd/system", "exists")
    ? managerOf(
      0,
      "",
      [
        ["/run/dbus/system_bus_socket", false],
        ["/run/systemd/private", true],
      ],
      files,
    )
    : null;

/**
 * The manager of a user, user@.service(5).
 *
 * @param runtime XDG_RUNTIME_DIR, which is another directory in some namespaces
 */
export function userManager(
  uid: number,
  files: CgroupFiles,
  runtime = `/run/user/${uid}`,
): Manager | null {
  return managerOf(
    uid,
    `/user.slice/user-${uid}.slice/user@${uid}.service`,
    [
      [`${runtime}/systemd/private`, true],
      [`${runtime}/bus`, false],
    ],
    files,
  );
}

/** Whether a path exists. */
export function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The path of a slice: `a-b.slice` is in `a.slice`, systemd.slice(5). */
export function slicePath(slice: string): string {
  const parts = slice.replace(/\.slice$/, "").split("-").filter(Boolean);
  return parts.map((_, index) =>
    `/${parts.slice(0, index + 1).join("-")}.slice`
  ).join("");
}

/** The path of a manager's unit in a tree. */
export function unitPath(
  { path }: CgroupMount,
  { cgroup }: Manager,
  { unit, slice }: Pick<CgroupScope, "unit" | "slice">,
): string {
  return `${path}${cgroup}${slicePath(slice)}/${unit}`;
}

/** Plans the scope of a container of the system's manager. */
export function planScope(
  id: string,
  mount: CgroupMount,
  manager: Manager,
  slice = "system.slice",
): CgroupScope {
  const named = { unit: `container-${id}.scope`, slice };
  const path = unitPath(mount, manager, named);
  return { ...named, manager, path, own: `${path}/container`, properties: [] };
}

/**
 * The controllers that systemd knows, and delegates to a unit with
 * Delegate=yes.
 */
const HANDED_DOWN = ["cpu", "cpuset", "io", "memory", "pids"];

/** The controllers that a manager has and delegates. */
export function handedDown(
  mount: CgroupMount,
  { cgroup }: Manager,
  read: ReadLevel,
): string[] {
  const controllers = cgroup
    ? read(`${mount.path}${cgroup}`)?.controllers ?? []
    : mount.controllers;
  return controllers.filter((name) => HANDED_DOWN.includes(name));
}

/**
 * Reads levels as they will be after systemd has made the scope: the scope is
 * ours, with the controllers that systemd enables. We have to enable the others
 * ourselves, from the top.
 */
export function readWithScope(
  { path, manager }: CgroupScope,
  mount: CgroupMount,
  read: ReadLevel,
): ReadLevel {
  const top = `${mount.path}${manager.cgroup}`;
  const above = new Set<string>();
  for (
    let directory = parentOf(path);
    directory !== top && directory !== "/";
    directory = parentOf(directory)
  ) above.add(directory);
  const enabled = handedDown(mount, manager, read);
  const made = {
    writable: true,
    movable: true,
    controllers: manager.cgroup ? enabled : mount.controllers,
    populated: false,
    root: false,
  };
  const also = (others: readonly string[] = []) => [
    ...new Set([...enabled, ...others]),
  ];
  return (directory) => {
    if (directory === path) return { ...made, enabled: [] };
    const level = read(directory);
    if (above.has(directory)) {
      return { ...made, enabled: also(level?.enabled) };
    }
    if (directory !== top) return level;
    const { writable, movable, controllers, populated, root } = level ?? made;
    return {
      ...{ writable, movable, controllers, populated, root },
      enabled: also(level?.enabled),
    };
  };
}
