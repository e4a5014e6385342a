/**
 * The caller's identity and rights. Only reads; changes nothing. Runs on the
 * host, in the process the user started.
 */

import { onceIn } from "../world/once_in.ts";
import type { World } from "../world/world.ts";
import { CAPABILITIES } from "../../plan/process/capabilities.ts";

/** The caller's identity and rights. */
export interface Caller {
  uid: number;
  gid: number;
  /** Can create namespaces without a user namespace: CAP_SYS_ADMIN. */
  privileged: boolean;
  /** Can map any id: CAP_SETUID. */
  capable: boolean;
  /** Can inspect any process of this user namespace: CAP_SYS_PTRACE. */
  traces: boolean;
  /** The bounding set: the capabilities that a container can have at most. */
  bounding: Set<string>;
  /**
   * Runs in a user namespace other than the initial one, for example in
   * rootless podman.
   */
  nested: boolean;
  /** Can create device nodes: CAP_MKNOD in the initial user namespace. */
  devices: boolean;
}

/** The names in a set of capabilities in hexadecimal digits. */
export function capabilitiesIn(digits: string): Set<string> {
  const bits = BigInt(`0x${digits}`);
  return new Set(
    CAPABILITIES.filter((_, index) => (bits >> BigInt(index) & 1n) === 1n),
  );
}

/** The process whose World this is. */
export const readCaller: (world: World) => Caller = onceIn((world) => {
  const sets = world.capabilities();
  const effective = capabilitiesIn(sets.effective);
  const nested = !inInitialUserNamespace(world);
  return {
    ...world.ids(),
    privileged: effective.has("CAP_SYS_ADMIN"),
    capable: effective.has("CAP_SETUID"),
    traces: effective.has("CAP_SYS_PTRACE"),
    bounding: capabilitiesIn(sets.bounding),
    nested,
    devices: effective.has("CAP_MKNOD") && !nested,
  };
});

/**
 * In any other user namespace mknod(2) of devices fails, even with CAP_MKNOD.
 */
const inInitialUserNamespace = (world: World) =>
  /^\s*0\s+0\s+4294967295\s*$/.test(world.readText("/proc/self/uid_map"));
