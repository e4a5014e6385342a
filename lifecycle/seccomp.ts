/** Which system calls the command may make: from `--seccomp` to a filter. */

import { compileSeccomp, seccompFlags } from "../launch/seccomp/compile.ts";
import { defaultFilter } from "../launch/seccomp/default.ts";
import type { Facts } from "../plan/facts.ts";
import { SpecError } from "../spec/errors.ts";
import { parseSeccompText } from "../spec/seccomp.ts";
import { toBase64 } from "../ffi/base64.ts";

/** `6.1.0-18-amd64` gives 6 and 1. */
export function kernelVersion(
  release = Deno.osRelease(),
): [major: number, minor: number] {
  const [major = "0", minor = "0"] = release.split(/[.-]/);
  return [Number(major), Number(minor)];
}

/** The filter for a profile: `default`, `unconfined` or a file. */
export function seccompFilter(
  profile: string,
  capabilities: readonly string[],
): Facts["seccomp"] {
  if (profile === "unconfined") return null;
  const host = {
    capabilities: [...capabilities],
    kernel: kernelVersion(),
    arch: Deno.build.arch,
  };
  if (profile === "default") {
    return { profile, filter: toBase64(defaultFilter(host)), flags: 0 };
  }
  let text: string;
  try {
    text = Deno.readTextFileSync(profile);
  } catch (error) {
    throw new SpecError(
      `Cannot read the seccomp profile ${profile}: ${
        error instanceof Deno.errors.NotFound
          ? "no such file"
          : "it cannot be opened"
      }`,
      { hint: "Name a file, default or unconfined.", cause: error },
    );
  }
  const parsed = parseSeccompText(text, { ...host, caps: capabilities });
  return {
    profile,
    filter: toBase64(compileSeccomp(parsed, host.arch)),
    flags: seccompFlags(parsed),
  };
}
