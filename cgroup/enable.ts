/**
 * On v2 a cgroup has a controller only if every cgroup above it enables it in
 * cgroup.subtree_control. Finds out which of these files have to be written.
 *
 * @module
 */

import type { CgroupMount, ReadLevel } from "./hierarchy.ts";
import { CgroupDenied, directoriesAbove } from "./place.ts";
import type { CgroupStep, Need } from "./step.ts";

/** The result of {@linkcode enableControllers}. */
export interface Enabling {
  /** The controllers that the cgroup will have. */
  controllers: string[];
  /** The controllers that each directory above still has to enable. */
  handDown: Map<string, string[]>;
}

/**
 * Plans how the needed controllers become available at `path`. An optional
 * controller that cannot be enabled is left out.
 *
 * @throws CgroupDenied if a required controller cannot be enabled
 */
export function enableControllers(
  mount: CgroupMount,
  path: string,
  { required, optional }: Need,
  read: ReadLevel,
): Enabling {
  const controllers: string[] = [];
  const handDown = new Map<string, string[]>();
  for (const name of new Set([...required.keys(), ...optional])) {
    const route = findRoute(mount, path, name, required.get(name), read);
    if (route instanceof CgroupDenied) {
      if (required.has(name)) throw route;
      continue;
    }
    controllers.push(name);
    for (const directory of route) {
      handDown.set(directory, [...handDown.get(directory) ?? [], name]);
    }
  }
  return { controllers, handDown };
}

/**
 * The directories that have to enable a controller, or the error that prevents
 * it.
 */
function findRoute(
  mount: CgroupMount,
  path: string,
  name: string,
  what: string | undefined,
  read: ReadLevel,
): string[] | CgroupDenied {
  const route: string[] = [];
  // Whether this directory has the controller, now or after the steps above it.
  let arrives = mount.controllers.includes(name);
  for (const directory of directoriesAbove(mount.path, path)) {
    const level = read(directory);
    if (level?.enabled.includes(name)) {
      arrives = true;
      continue;
    }
    if (level && (!arrives || !level.writable)) {
      return notDelegated(name, directory, what);
    }
    if (level?.populated && !level.root) {
      return internalProcesses(name, directory, what);
    }
    route.push(directory);
  }
  return route;
}

/** The step that enables controllers for the children of a directory. */
export function enableStep(
  directory: string,
  controllers: string[],
): CgroupStep {
  return {
    step: "writeHostFile",
    path: `${directory}/cgroup.subtree_control`,
    value: controllers.map((name) => `+${name}`).join(" "),
    why: "on v2 a cgroup has the controllers that its parent enables",
    man: "cgroups(7)",
    // Other cgroups below it may rely on them by now.
    undo: "kept",
  };
}

function notDelegated(
  name: string,
  directory: string,
  what = "count",
): CgroupDenied {
  return new CgroupDenied(
    `Cannot ${what}: ${directory} does not enable the ${name} controller for its children, and you do not have permission to change it`,
    {
      hint:
        `Let systemd delegate it: run \`systemctl edit user@.service\`, add "[Service]" and "Delegate=${name}", and log in again. Or run as root`,
    },
  );
}

function internalProcesses(
  name: string,
  directory: string,
  what = "count",
): CgroupDenied {
  return new CgroupDenied(
    `Cannot ${what}: ${directory} contains processes, and a v2 cgroup with processes cannot enable controllers (${name}) for its children`,
    {
      hint:
        `Move the processes to their own cgroup: mkdir ${directory}/init, then write each PID in ${directory}/cgroup.procs to ${directory}/init/cgroup.procs`,
    },
  );
}
