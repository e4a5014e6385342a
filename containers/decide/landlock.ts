/**
 * Decides the steps of `--landlock` that this kernel supports. Only reads and
 * decides; changes nothing. Runs on the host, in the parent. Loaded only if it
 * is requested.
 */

import {
  type LandlockRules,
  NET_SINCE,
  restrictByLandlock,
} from "../../plan/process/landlock.ts";
import type { Step } from "../../plan/step.ts";
import { SpecError, UsageError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import type { World } from "../world/world.ts";

/**
 * The steps of the rules.
 *
 * @param leftOut collects what this kernel cannot restrict
 * @throws {UsageError} for rules that cannot work, {SpecError} if the kernel
 * has no Landlock, or cannot restrict the ports that are named
 */
export function landlockSteps(
  rules: LandlockRules,
  { process }: Spec,
  leftOut: string[],
  world: Pick<World, "landlock">,
): Step[] {
  const { ro = [], rw = [], exec = [], connect, bind } = rules;
  if (!(exec.length || ro.length || rw.length)) {
    throw new UsageError(
      "--landlock: without a path rule, no program could be executed",
      "Example: --landlock ro=/ --landlock rw=/tmp.",
    );
  }
  if (
    !process.noNewPrivileges &&
    !process.capabilities?.effective?.includes("CAP_SYS_ADMIN")
  ) {
    throw new UsageError(
      "--landlock without no_new_privs needs CAP_SYS_ADMIN",
      "Remove --no-new-privs=false.",
    );
  }
  const abi = world.landlock();
  if (typeof abi === "string") {
    throw new SpecError(
      abi === "EOPNOTSUPP"
        ? "Cannot use Landlock: it is built into this kernel, but disabled"
        : `Cannot use Landlock: this kernel does not support it (${abi})`,
      {
        hint: abi === "EOPNOTSUPP"
          ? "Add landlock to the kernel parameter lsm=, or remove --landlock."
          : "Landlock requires Linux 5.13 and CONFIG_SECURITY_LANDLOCK. Remove --landlock.",
      },
    );
  }
  if (abi < NET_SINCE) {
    if (Array.isArray(connect) || Array.isArray(bind)) {
      throw new SpecError(
        `Cannot restrict TCP ports with Landlock: this kernel has version ${abi}, and version ${NET_SINCE} is required`,
        { hint: "Use Linux 6.7 or newer, or remove connect= and bind=." },
      );
    }
    leftOut.push(
      `TCP ports are open (this kernel has Landlock version ${abi}; restricting ports requires version ${NET_SINCE})`,
    );
  }
  return restrictByLandlock(rules, abi);
}
