/**
 * What confines a container's own process beyond its configuration of OCI, for
 * those that join it. Runs on the host; reads and changes nothing.
 */

import type { Facts } from "../../plan/facts.ts";
import { learnTarget, seccompFilter, specFilter } from "../decide/seccomp.ts";
import type { ContainerRecord } from "../store/store.ts";

/**
 * The filter of system calls and the rules of Landlock. Of what `run` made they
 * are what it was asked for: its record has no `linux.seccomp`.
 */
export async function confinementOf(
  { spec, daily }: Pick<ContainerRecord, "spec" | "daily">,
): Promise<Pick<Facts, "seccomp" | "landlock">> {
  if (!daily) return { seccomp: await specFilter(spec) };
  const { seccomp, privileged, landlock } = daily.options;
  const profile = seccomp ?? "default";
  // What is learned is the command's; nobody would hear of another's calls.
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
