/** What `linux.resources.pids.limit` of 0 means. Pure. */

/**
 * A limit as it is written: above 0, or -1 for none.
 *
 * 0 was no limit up to version 1.2 of the specification, and Podman before 5.5
 * and CRI-O before 1.29 write it for that. Since 1.3 it is a limit, which runc
 * 1.4 makes 1 because systemd has no 0. So the version that a configuration
 * says it is of decides.
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
