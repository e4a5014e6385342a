/**
 * Decides the steps of `--landlock` that this kernel supports. Only reads and
 * decides; changes nothing. Runs on the host, in the parent. Loaded only if it
 * is requested.
 */

import { landlockVersion } from "../../ffi/probe.ts";
import {
  type LandlockRules,
  NET_SINCE,
  restrictByLandlock,
} from "../../plan/process/landlock.ts";
import type { Step } from "../../plan/step.ts";
import { SpecError, UsageError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";

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
): Step[] {
  const { ro = [], rw = [], exec = [], connect, bind } = rules;
  if (!(exec.length || ro.length || rw.length)) {
    throw new UsageError(
      "--landlock: no path is named, so that nothing could be executed",
      "Add one: --landlock ro=/ --landlock rw=/tmp.",
    );
  }
  if (
    !process.noNewPrivileges &&
    !process.capabilities?.effective?.includes("CAP_SYS_ADMIN")
  ) {
    throw new UsageError(
      "--landlock without no_new_privs needs CAP_SYS_ADMIN",
      "Leave out --no-new-privs=false.",
    );
  }
  const abi = landlockVersion();
  if (typeof abi === "string") {
    throw new SpecError(
      abi === "EOPNOTSUPP"
        ? "Cannot restrict by Landlock: it is in this kernel, but off"
        : `Cannot restrict by Landlock: this kernel has none (${abi})`,
      {
        hint: abi === "EOPNOTSUPP"
          ? "Add landlock to the kernel's parameter lsm=, or leave out --landlock."
          : "It came with Linux 5.13 and CONFIG_SECURITY_LANDLOCK. Leave out --landlock.",
      },
    );
  }
  if (abi < NET_SINCE) {
    if (Array.isArray(connect) || Array.isArray(bind)) {
      throw new SpecError(
        `Cannot restrict TCP ports by Landlock: this kernel's version is ${abi}, and it takes ${NET_SINCE}`,
        { hint: "Linux 6.7 has it. Leave out connect= and bind=." },
      );
    }
    leftOut.push(
      `TCP ports are open (Landlock of this kernel is of version ${abi}, ${NET_SINCE} closes them)`,
    );
  }
  return restrictByLandlock(rules, abi);
}
