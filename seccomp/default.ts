/**
 * The filter of the default profile. Compiling takes a few milliseconds in a
 * new process, so the filter for a container's default capabilities is stored
 * compiled. A test compiles it again and compares.
 */

import { defaultSeccomp, SECCOMP_CAPABILITIES } from "./default_profile.ts";
import type { SeccompHost } from "../spec/seccomp.ts";
import { compileSeccomp } from "./compile.ts";
import { COMPILED_FOR, DEFAULT_FILTER } from "./default_code.ts";

export { COMPILED_FOR as PRECOMPILED };

/**
 * Returns the default profile's filter for a container with these capabilities.
 */
export function defaultFilter(
  { capabilities, kernel, arch = Deno.build.arch, is32Bit = false }: {
    capabilities: readonly string[];
    kernel: readonly [major: number, minor: number];
    arch?: SeccompHost["arch"];
    is32Bit?: boolean;
  },
): Uint8Array<ArrayBuffer> {
  const relevant = SECCOMP_CAPABILITIES.filter((name) =>
    capabilities.includes(name)
  );
  const [major, minor] = COMPILED_FOR.kernel;
  const isUsual = !is32Bit &&
    String(relevant) === String(COMPILED_FOR.capabilities) &&
    (kernel[0] > major || kernel[0] === major && kernel[1] >= minor);
  return isUsual ? Uint8Array.fromBase64(DEFAULT_FILTER[arch]) : compileSeccomp(
    defaultSeccomp({ capabilities, kernel, arch, is32Bit }),
    arch,
  );
}
