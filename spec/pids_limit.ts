/** The meaning of 0 in `linux.resources.pids.limit`. Pure. */

/**
 * The limit that a written limit stands for: above 0, or -1 for no limit.
 *
 * Up to version 1.2 of the specification 0 meant no limit, and Podman before
 * 5.5 and CRI-O before 1.29 write it in that sense. Since 1.3 it is a limit,
 * and runc 1.4 replaces it by 1, because systemd does not accept 0. So the
 * version that the configuration names decides.
 */
export function pidsLimit(limit: number, ociVersion: string): number {
  if (limit !== 0) return limit;
  return zeroIsLimit(ociVersion) ? 1 : -1;
}

/** Whether 0 is a limit in a configuration of this version. */
function zeroIsLimit(ociVersion: string): boolean {
  const [major = 0, minor = 0] = ociVersion.split(".").map(Number);
  return major > 1 || major === 1 && minor >= 3;
}
