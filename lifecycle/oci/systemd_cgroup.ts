/**
 * A container's cgroup in a scope of systemd: `--systemd-cgroup`, with
 * linux.cgroupsPath as `slice:prefix:name`. Reads only; loaded when it is asked
 * for. See systemd.scope(5).
 */

import { type CgroupOptions, planCgroup } from "../../cgroup/mod.ts";
import { type Hierarchy, readLevel } from "../../cgroup/hierarchy.ts";
import type { CgroupPlan, CgroupScope } from "../../cgroup/step.ts";
import {
  handedDown,
  type Manager,
  readWithScope,
  systemManager,
  unitPath,
  userManager,
} from "../../cgroup/systemd.ts";
import type { Property } from "../../cgroup/dbus.ts";
import {
  annotatedProperties,
  unitProperties,
} from "../../cgroup/unit_properties.ts";
import { ContainerError, SpecError } from "../../spec/errors.ts";
import { parseIdMap } from "../id_ranges.ts";

/** What stands where nothing is said, but for the name, which is the id. */
const PREFIX = "container";

/** The unit that `slice:prefix:name` names, and its slice. */
export function unitOf(
  id: string,
  cgroupsPath: string | undefined,
  rootless = false,
): Pick<CgroupScope, "unit" | "slice"> {
  const parts = (cgroupsPath || "::").split(":");
  const [slice = "", prefix = "", name = ""] = parts;
  if (parts.length !== 3) {
    // The words are runc's.
    throw new SpecError(
      `expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got ${
        JSON.stringify(cgroupsPath)
      } instead`,
      { hint: "Change linux.cgroupsPath, or leave out --systemd-cgroup." },
    );
  }
  const word = /^[\w:.@\\-]*$/;
  const problem = [slice, prefix, name].find((part) => !word.test(part));
  if (problem !== undefined || slice && !slice.endsWith(".slice")) {
    throw new SpecError(
      `linux.cgroupsPath: ${
        JSON.stringify(problem ?? slice)
      } is no part of a unit's name`,
      { hint: "It is a slice such as system.slice, a prefix, and a name." },
    );
  }
  return {
    unit: `${prefix || PREFIX}-${name || id}.scope`,
    slice: slice || (rootless ? "user.slice" : "system.slice"),
  };
}

/**
 * The plan of such a cgroup.
 *
 * @throws {ContainerError} where there is no systemd, or no cgroup v2
 */
export function planSystemdCgroup(
  options: CgroupOptions,
  hierarchy: Hierarchy,
  annotations?: Record<string, string>,
): CgroupPlan {
  const named = unitOf(
    options.id,
    options.cgroupsPath,
    options.rootless,
  );
  const refuse = (reason: string, hint: string) =>
    new ContainerError(
      `Cannot have systemd make the cgroup ${named.unit}: ${reason}`,
      { hint },
    );
  const manager = managerOf(options.rootless ?? false);
  if (!manager) {
    throw refuse(
      options.rootless
        ? "no systemd of the user's runs"
        : "systemd is not running",
      options.rootless
        ? "Log in anew, see loginctl enable-linger, or give --cgroup-manager cgroupfs."
        : "Leave out --systemd-cgroup, or give --cgroup-manager cgroupfs.",
    );
  }
  const [mount] = hierarchy.mounts;
  if (!mount || hierarchy.layout !== "v2") {
    throw refuse(
      "cgroup v1 is mounted here",
      "Leave out --systemd-cgroup, or boot with systemd.unified_cgroup_hierarchy=1.",
    );
  }
  const path = unitPath(mount, manager, named);
  const scope = {
    ...named,
    manager,
    path,
    own: `${path}/container`,
    properties: annotated(annotations),
  };
  const plan = planCgroup(
    {
      ...options,
      cgroupsPath: `${path.slice(mount.path.length)}/command`,
      available: handedDown(mount, manager, readLevel),
    },
    hierarchy,
    readWithScope(scope, mount, readLevel),
  );
  const properties = [...unitProperties(plan.steps), ...scope.properties];
  return { ...plan, scope: { ...scope, properties } };
}

/**
 * Who makes the scopes of this caller. In a user namespace the ids are others
 * than those that a user's manager goes by.
 */
export function managerOf(rootless: boolean): Manager | null {
  if (!rootless) return systemManager();
  const uid = idOutside(
    Deno.uid() ?? 0,
    Deno.readTextFileSync("/proc/self/uid_map"),
  );
  return uid === null
    ? null
    : userManager(uid, Deno.env.get("XDG_RUNTIME_DIR") || undefined);
}

/** An id of this user namespace as the one above has it, user_namespaces(7). */
function idOutside(id: number, map: string): number | null {
  for (const { containerID, hostID, size } of parseIdMap(map)) {
    if (id >= containerID && id < containerID + size) {
      return hostID + id - containerID;
    }
  }
  return null;
}

function annotated(annotations?: Record<string, string>): Property[] {
  try {
    return annotatedProperties(annotations);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SpecError(`annotations: ${error.message}`);
  }
}
