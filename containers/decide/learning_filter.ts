/**
 * The filter of `--seccomp learn`. Pure. Runs on the host, in the parent.
 * Loaded only if it is requested.
 */

import { toBase64 } from "../../ffi/base64.ts";
import { SECCOMP } from "../../launch/lower/seccomp_filter.ts";
import type { Facts } from "../../plan/facts.ts";
import { learnFilter } from "../../seccomp/learn.ts";

/** The kernel that added SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV. */
const KILLABLE_SINCE = [5, 19] as const;

/** The filter that reports every call. */
export function learningFilter(
  [major, minor]: readonly [major: number, minor: number],
): NonNullable<Facts["seccomp"]> {
  const killable = major > KILLABLE_SINCE[0] ||
    major === KILLABLE_SINCE[0] && minor >= KILLABLE_SINCE[1];
  return {
    profile: "learn",
    filter: toBase64(learnFilter()),
    // Without WAIT_KILLABLE_RECV, a signal that arrives while a call waits for
    // the listener ends the call with EINTR, even if that call never returns
    // EINTR.
    flags: SECCOMP.SECCOMP_FILTER_FLAG_NEW_LISTENER |
      (killable ? SECCOMP.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : 0),
    learns: true,
  };
}
