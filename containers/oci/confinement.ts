/**
 * The confinement of a container's process that its OCI configuration does not
 * contain, for processes that join it. Runs on the host, in the exec command;
 * reads and changes nothing.
 */

import type { Facts } from "../../plan/facts.ts";
import { learnTarget, seccompFilter, specFilter } from "../decide/seccomp.ts";
import type { ContainerRecord } from "../store/store.ts";

/**
 * The seccomp filter and Landlock rules. For a container of `run` they follow
 * from its options, because its record has no `linux.seccomp`.
 */
export async function confinementOf(
  { spec, daily }: Pick<ContainerRecord, "spec" | "daily">,
): Promise<Pick<Facts, "seccomp" | "landlock">> {
  if (!daily) return { seccomp: await specFilter(spec) };
  const { seccomp, privileged, landlock } = daily.options;
  const profile = seccomp ?? "default";
  // Only the command's own calls are learned; nobody would receive those of
  // another process.
  const isFree = privileged && !seccomp || learnTarget(profile) !== null;
  return {
    seccomp: isFree ? null : await seccompFilter(profile, spec),
    ...(landlock
      ? {
        landlock: (await import("../decide/landlock.ts"))
          .landlockSteps(landlock, spec, []),
      }
      : {}),
  };
}
