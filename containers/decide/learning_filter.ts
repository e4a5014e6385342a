/** The filter of `--seccomp learn`. Loaded when it is asked for. */

import { toBase64 } from "../../ffi/base64.ts";
import { SECCOMP } from "../../launch/lower/seccomp_filter.ts";
import type { Facts } from "../../plan/facts.ts";
import { learnFilter } from "../../seccomp/learn.ts";

/** SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV came with it. */
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
    // Without it, a signal that comes while a call waits for us ends the call
    // with EINTR, be it one that never ends so.
    flags: SECCOMP.SECCOMP_FILTER_FLAG_NEW_LISTENER |
      (killable ? SECCOMP.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : 0),
    learns: true,
  };
}
