/** sys/resource.h. */

import { syscall } from "./libc.ts";

const RLIMIT_FSIZE = 1;

export const RLIMIT: Record<string, number | undefined> = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
};

/** No limit. */
export const RLIM_INFINITY = 0xffffffffffffffffn;

/** Our own hard limit, getrlimit(2); null for an unknown name. */
export function hardLimit(type: string): bigint | null {
  const { [type]: resource } = RLIMIT;
  return resource === undefined ? null : limitsOf(resource).hard;
}

/** The largest size of a file that we write, RLIMIT_FSIZE of getrlimit(2). */
export const fileSizeLimit = (): bigint => limitsOf(RLIMIT_FSIZE).soft;

function limitsOf(resource: number): { soft: bigint; hard: bigint } {
  const limits = new BigUint64Array(2);
  syscall("prlimit64", 0, resource, null, new Uint8Array(limits.buffer));
  return { soft: limits[0]!, hard: limits[1]! };
}
