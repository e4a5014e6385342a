/**
 * Decides the seccomp filter of a container from `--seccomp` or its
 * configuration. Only reads and decides; changes nothing. Runs on the host, in
 * the parent.
 */

import {
  COMPILED_FOR,
  DEFAULT_FILTER,
  RELEVANT_CAPABILITIES,
} from "../../seccomp/default_code.ts";
import type { Facts } from "../../plan/facts.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import type { World } from "../world/world.ts";
import { absolutePath, type Requester } from "./requester.ts";

/** The kernel's version: `6.1.0-18-amd64` gives 6 and 1. */
export function kernelVersion(
  release: string,
): [major: number, minor: number] {
  const [major = "0", minor = "0"] = release.split(/[.-]/);
  return [Number(major), Number(minor)];
}

const hostOf = (world: World) => ({
  kernel: kernelVersion(world.kernelRelease()),
  arch: world.architecture(),
});

/** Whether a profile is to be learned. */
export const isLearned = (profile: string): boolean =>
  profile === "learn" || profile.startsWith("learn=");

/** Where a learned profile is written: a file, or standard error. */
export type LearnTarget = { file: string } | "stderr";

/**
 * Where the profile of `learn` or `learn=FILE` is written; null for other
 * profiles.
 *
 * @throws {UsageError} if the file has no name
 */
export function learnTarget(
  profile: string,
  requester: Requester,
): LearnTarget | null {
  if (profile === "learn") return "stderr";
  if (!profile.startsWith("learn=")) return null;
  const file = profile.slice("learn=".length);
  if (file) return { file: absolutePath(requester, file) };
  throw new UsageError(
    `--seccomp ${profile}: the file name is missing`,
    "Use --seccomp learn=FILE, or --seccomp learn for standard error.",
  );
}

/**
 * The filter for a profile: `default`, `unconfined`, `learn` or a file. The
 * default filter for the usual capabilities is stored compiled; the compiler is
 * loaded only for the others.
 *
 * @param leftOut collects a sentence on each part of a profile that has no
 * effect
 * @throws {UsageError} without a name, {SpecError} if the file cannot be read
 * or is no profile
 */
export async function seccompFilter(
  profile: string,
  { process, linux }: Spec,
  leftOut: string[],
  requester: Requester,
): Promise<Facts["seccomp"]> {
  if (profile === "unconfined") return null;
  if (profile === "") {
    throw new UsageError(
      "--seccomp: the profile is missing",
      "Use default, unconfined, learn or the file of a profile.",
    );
  }
  const host = hostOf(requester.world);
  const capabilities = process.capabilities?.bounding ?? [];
  const is32Bit = linux.personality?.domain === "LINUX32";
  if (isLearned(profile)) {
    leftOut.push(
      "no seccomp filter: --seccomp learn allows all system calls",
    );
    return (await import("./learning_filter.ts")).learningFilter(host.kernel);
  }
  if (
    profile === "default" && !is32Bit && isUsual(capabilities, host.kernel)
  ) {
    return { profile, filter: DEFAULT_FILTER[host.arch], flags: 0 };
  }
  const { compileProfile } = await import("./seccomp_profile.ts");
  return compileProfile(
    profile,
    { ...host, capabilities, is32Bit },
    leftOut,
    requester,
  );
}

/** The filter of `linux.seccomp` in a configuration. */
export async function specFilter(
  spec: Spec,
  world: World,
): Promise<Facts["seccomp"]> {
  const { seccomp } = spec.linux;
  if (!seccomp) return null;
  const { compileSpecProfile } = await import("./seccomp_profile.ts");
  return compileSpecProfile(seccomp, {
    ...hostOf(world),
    caps: spec.process.capabilities?.bounding ?? [],
  }, world);
}

/**
 * Whether the filter that is stored compiled fits these capabilities and this
 * kernel.
 */
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
