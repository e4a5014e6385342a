/**
 * Compiles seccomp profiles other than the default one. Only reads and decides;
 * changes nothing. Runs on the host, in the parent. Loaded only if such a
 * profile is requested.
 */

import { toBase64 } from "../../ffi/base64.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { compileSeccomp, seccompFlags } from "../../seccomp/compile.ts";
import { defaultFilter } from "../../seccomp/default.ts";
import { SECCOMP } from "../../launch/lower/seccomp_filter.ts";
import { isCall } from "../../seccomp/syscalls.ts";
import type { Facts } from "../../plan/facts.ts";
import { SpecError } from "../../spec/errors.ts";
import {
  notifies,
  parseSeccomp,
  parseSeccompText,
  type SeccompHost,
} from "../../spec/seccomp.ts";
import type { World } from "../world/world.ts";
import { absolutePath, type Requester } from "./requester.ts";

const TSYNC = 1;

/**
 * The filter of the default profile, or of the profile in a file.
 *
 * @param leftOut collects a sentence on each part that has no effect
 * @throws {SpecError} if the file cannot be read, or is no profile
 */
export function compileProfile(
  profile: string,
  { kernel, arch, capabilities, is32Bit }: Omit<SeccompHost, "caps"> & {
    capabilities: readonly string[];
    is32Bit: boolean;
  },
  leftOut: string[],
  requester: Requester,
): NonNullable<Facts["seccomp"]> {
  if (profile === "default") {
    const filter = defaultFilter({ kernel, arch, capabilities, is32Bit });
    return { profile, filter: toBase64(filter), flags: 0 };
  }
  const text = readProfile(profile, requester);
  try {
    const parsed = parseSeccompText(text, {
      kernel,
      arch,
      caps: capabilities,
    });
    // Unknown names are no error, as with docker: profiles list calls of newer
    // kernels too.
    const unknown = parsed.syscalls.flatMap(({ names }) => names)
      .filter((name) => !isCall(name));
    if (unknown.length) {
      leftOut.push(
        `ignored in ${profile}: ${
          [...new Set(unknown)].join(", ")
        } (unknown system calls)`,
      );
    }
    return {
      profile,
      filter: toBase64(compileSeccomp(parsed, arch)),
      flags: seccompFlags(parsed),
    };
  } catch (error) {
    throw error instanceof SpecError ? named(error, profile) : error;
  }
}

/** Adds the profile's path to the message. */
function named(error: SpecError, path: string): SpecError {
  const message = error.message.replace("seccomp profile", `$& ${path}`);
  return new SpecError(message, { hint: error.hint, cause: error });
}

/**
 * The filter of `linux.seccomp`.
 *
 * @throws {SpecError} if it is no valid profile
 */
export function compileSpecProfile(
  profile: unknown,
  host: SeccompHost,
  world: Pick<World, "random">,
): NonNullable<Facts["seccomp"]> {
  const parsed = parseSeccomp(profile, host, { agent: true });
  if (!notifies(parsed)) {
    return {
      profile: "linux.seccomp",
      filter: toBase64(compileSeccomp(parsed, host.arch)),
      flags: seccompFlags(parsed),
    };
  }
  const mark = world.random();
  return {
    profile: "linux.seccomp",
    filter: toBase64(compileSeccomp(parsed, host.arch, mark)),
    // The kernel refuses TSYNC (for threads) together with a listener.
    flags: seccompFlags(parsed) & ~TSYNC |
      SECCOMP.SECCOMP_FILTER_FLAG_NEW_LISTENER,
    notifies: { mark: String(mark) },
  };
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EISDIR: "it is a directory",
  EACCES: "permission denied",
};

function readProfile(path: string, requester: Requester): string {
  try {
    return requester.world.readText(absolutePath(requester, path));
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    const reason = REASONS[error.code] ?? "it cannot be opened";
    throw new SpecError(`Cannot read the seccomp profile ${path}: ${reason}`, {
      hint: "Use a file, default, unconfined or learn.",
      cause: error,
    });
  }
}
