/**
 * A scope of systemd: a cgroup that systemd knows of and has handed to us. Where
 * systemd runs every cgroup is its own, but for what is below a unit with
 * Delegate=yes; it may undo what others write elsewhere. Decides and reads;
 * start_scope.ts has it made. See systemd.scope(5) and "Control Group APIs and
 * Delegation" of systemd's documentation.
 *
 * @module
 */

import type { CgroupScope, Manager } from "../step.ts";
import type { CgroupMount, ReadLevel } from "../hierarchy.ts";
import { parentOf } from "../place.ts";

/** The first of the sockets that is there: on its own no daemon of a bus is needed. */
function managerOf(
  uid: number,
  cgroup: string,
  sockets: readonly [socket: string, direct: boolean][],
): Manager | null {
  const found = sockets.find(([socket]) => isThere(socket));
  return found ? { socket: found[0], direct: found[1], uid, cgroup } : null;
}

/** The system's, where systemd is PID 1 and answers, sd_booted(3). */
export const systemManager = (): Manager | null =>
  isThere("/run/systemd/system")
    ? managerOf(0, "", [
      ["/run/dbus/system_bus_socket", false],
      ["/run/systemd/private", true],
    ])
    : null;

/**
 * A user's, user@.service(5).
 *
 * @param runtime XDG_RUNTIME_DIR, which is not the usual one in other namespaces
 */
export function userManager(
  uid: number,
  runtime = `/run/user/${uid}`,
): Manager | null {
  return managerOf(uid, `/user.slice/user-${uid}.slice/user@${uid}.service`, [
    [`${runtime}/systemd/private`, true],
    [`${runtime}/bus`, false],
  ]);
}

/** Whether a path leads to something. */
export function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Where a slice is: `a-b.slice` is in `a.slice`, systemd.slice(5). */
export function slicePath(slice: string): string {
  const parts = slice.replace(/\.slice$/, "").split("-").filter(Boolean);
  return parts.map((_, index) =>
    `/${parts.slice(0, index + 1).join("-")}.slice`
  ).join("");
}

/** Where a unit of a manager's slice is in a tree. */
export function unitPath(
  { path }: CgroupMount,
  { cgroup }: Manager,
  { unit, slice }: Pick<CgroupScope, "unit" | "slice">,
): string {
  return `${path}${cgroup}${slicePath(slice)}/${unit}`;
}

/** The scope of a container of ours, with the system's manager. */
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

/** The controllers that systemd knows, and hands down to a unit with Delegate=yes. */
const HANDED_DOWN = ["cpu", "cpuset", "io", "memory", "pids"];

/** What a manager hands down of what it has. */
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
 * What a scope will be when systemd has made it: ours, with the controllers that
 * systemd hands down. Others are for us to hand down, from the top.
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
