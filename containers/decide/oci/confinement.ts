/**
 * The confinement of a container's process that its OCI configuration does not
 * contain, for processes that join it. Only reads and decides; changes nothing.
 * Runs on the host, in the exec command.
 */

import type { ProcessFacts } from "../../../plan/facts.ts";
import type { Spec } from "../../../spec/types.ts";
import type { ContainerOptions } from "../options.ts";
import type { Requester } from "../requester.ts";
import { isLearned, seccompFilter, specFilter } from "../seccomp.ts";

/**
 * The seccomp filter and Landlock rules. For a container of `run` they follow
 * from its options, because its record has no `linux.seccomp`.
 *
 * @param made the options of a container that `run` made
 */
export async function confinementOf(
  spec: Spec,
  made: ContainerOptions | undefined,
  requester: Requester,
): Promise<Pick<ProcessFacts, "seccomp" | "landlock">> {
  const { world } = requester;
  if (!made) return { seccomp: await specFilter(spec, world) };
  const { seccomp, privileged, landlock } = made;
  const profile = seccomp ?? "default";
  // Only the command's own calls are learned; nobody would receive those of
  // another process.
  const isFree = privileged && !seccomp || isLearned(profile);
  return {
    seccomp: isFree ? null : await seccompFilter(profile, spec, [], requester),
    ...(landlock
      ? {
        landlock: (await import("../landlock.ts"))
          .landlockSteps(landlock, spec, [], world),
      }
      : {}),
  };
}
