/** Which system calls the command may make: from `--seccomp` to a filter. */

import {
  COMPILED_FOR,
  DEFAULT_FILTER,
  RELEVANT_CAPABILITIES,
} from "../launch/seccomp/default_code.ts";
import type { Facts } from "../plan/facts.ts";
import { once } from "../plan/once.ts";

/** `6.1.0-18-amd64` gives 6 and 1. */
export function kernelVersion(
  release = Deno.osRelease(),
): [major: number, minor: number] {
  const [major = "0", minor = "0"] = release.split(/[.-]/);
  return [Number(major), Number(minor)];
}

const ownKernel = once(() => kernelVersion());

/**
 * The filter for a profile: `default`, `unconfined` or a file. The usual one is
 * kept compiled; the compiler is loaded for the others alone.
 */
export async function seccompFilter(
  profile: string,
  capabilities: readonly string[],
): Promise<Facts["seccomp"]> {
  if (profile === "unconfined") return null;
  const host = { kernel: ownKernel(), arch: Deno.build.arch };
  if (profile === "default" && isUsual(capabilities, host.kernel)) {
    return { profile, filter: DEFAULT_FILTER[host.arch], flags: 0 };
  }
  const { compileProfile } = await import("./seccomp_profile.ts");
  return compileProfile(profile, { ...host, capabilities });
}

/** Whether the filter that is kept compiled is the one for these capabilities. */
function isUsual(
  capabilities: readonly string[],
  [major, minor]: readonly [number, number],
): boolean {
  const relevant = RELEVANT_CAPABILITIES.filter((name) =>
    capabilities.includes(name)
  );
  return String(relevant) === String(COMPILED_FOR.capabilities) &&
    (major > COMPILED_FOR.kernel[0] ||
      major === COMPILED_FOR.kernel[0] && minor >= COMPILED_FOR.kernel[1]);
}
