/**
 * A container's cgroup in a systemd scope: `--systemd-cgroup`, with
 * linux.cgroupsPath in the form `slice:prefix:name`. Only reads. Runs on the
 * host, in the command that creates the container; loaded only if it is
 * requested. See systemd.scope(5).
 */

import type { CgroupOptions, Hierarchy } from "../../../cgroup/mod.ts";
import { planInScope } from "../../../cgroup/systemd/in_scope.ts";
import type { CgroupPlan, CgroupScope, Manager } from "../../../cgroup/step.ts";
import {
  systemManager,
  unitPath,
  userManager,
} from "../../../cgroup/systemd/systemd.ts";
import type { Property } from "../../../cgroup/systemd/dbus.ts";
import { annotatedProperties } from "../../../cgroup/systemd/unit_properties.ts";
import { ContainerError, SpecError } from "../../../spec/errors.ts";
import { hostIdOf, parseIdMap } from "../../../spec/ids.ts";
import type { World } from "../../world/world.ts";

/** The default prefix. The default name is the container's id. */
const PREFIX = "container";

/**
 * The unit that `slice:prefix:name` names, and its slice.
 *
 * @throws {SpecError} if it is malformed
 */
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
      { hint: "Change linux.cgroupsPath, or remove --systemd-cgroup." },
    );
  }
  const word = /^[\w:.@\\-]*$/;
  const problem = [slice, prefix, name].find((part) => !word.test(part));
  if (problem !== undefined || slice && !slice.endsWith(".slice")) {
    throw new SpecError(
      `linux.cgroupsPath: ${
        JSON.stringify(problem ?? slice)
      } cannot be part of a unit name`,
      { hint: "Use slice:prefix:name, with a slice such as system.slice." },
    );
  }
  return {
    unit: `${prefix || PREFIX}-${name || id}.scope`,
    slice: slice || (rootless ? "user.slice" : "system.slice"),
  };
}

/**
 * Plans a cgroup in a scope.
 *
 * @throws {ContainerError} if there is no systemd, or no cgroup v2
 */
export function planSystemdCgroup(
  options: CgroupOptions,
  hierarchy: Hierarchy,
  { annotations, world }: {
    annotations?: Record<string, string>;
    world: World;
  },
): CgroupPlan {
  const named = unitOf(
    options.id,
    options.cgroupsPath,
    options.rootless,
  );
  const refuse = (reason: string, hint: string) =>
    new ContainerError(
      `Cannot create the cgroup ${named.unit} with systemd: ${reason}`,
      { hint },
    );
  const manager = managerOf(options.rootless ?? false, world);
  if (!manager) {
    throw refuse(
      options.rootless
        ? "the user's systemd instance is not running"
        : "systemd is not running",
      options.rootless
        ? "Log in again, see loginctl enable-linger, or use --cgroup-manager cgroupfs."
        : "Remove --systemd-cgroup, or use --cgroup-manager cgroupfs.",
    );
  }
  const [mount] = hierarchy.mounts;
  if (!mount || hierarchy.layout !== "v2") {
    throw refuse(
      "this machine uses cgroup v1",
      "Remove --systemd-cgroup, or boot with systemd.unified_cgroup_hierarchy=1.",
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
  return planInScope(options, hierarchy, scope, world);
}

/**
 * The systemd manager that creates scopes for this caller; null if there is
 * none. A user's manager is found by the user's id in the initial user
 * namespace.
 */
export function managerOf(rootless: boolean, world: World): Manager | null {
  if (!rootless) return systemManager(world);
  const uid = hostIdOf(
    world.ids().uid,
    parseIdMap(world.readText("/proc/self/uid_map")),
  );
  return uid === null
    ? null
    : userManager(uid, world, world.variable("XDG_RUNTIME_DIR") || undefined);
}

function annotated(annotations?: Record<string, string>): Property[] {
  try {
    return annotatedProperties(annotations);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SpecError(`annotations: ${error.message}`);
  }
}
