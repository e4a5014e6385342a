/**
 * The caller's identity and rights, from /proc/self/status. Only reads; changes
 * nothing. Runs on the host, in the process the user started.
 */

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

/** Reads a `CapXxx:` line of proc_pid_status(5). */
export function parseCapabilities(status: string, set: string): Set<string> {
  const match = status.match(new RegExp(`^${set}:\\s*([0-9a-f]+)`, "m"));
  const bits = BigInt(`0x${match?.[1] ?? "0"}`);
  return new Set(
    CAPABILITIES.filter((_, index) => (bits >> BigInt(index) & 1n) === 1n),
  );
}

let known: Caller | undefined;

/** The caller. Read once. */
export function readCaller(): Caller {
  if (known) return known;
  const status = Deno.readTextFileSync("/proc/self/status");
  const effective = parseCapabilities(status, "CapEff");
  const nested = !inInitialUserNamespace();
  return known = {
    uid: Deno.uid() ?? 0,
    gid: Deno.gid() ?? 0,
    privileged: effective.has("CAP_SYS_ADMIN"),
    capable: effective.has("CAP_SETUID"),
    traces: effective.has("CAP_SYS_PTRACE"),
    bounding: parseCapabilities(status, "CapBnd"),
    nested,
    devices: effective.has("CAP_MKNOD") && !nested,
  };
}

/**
 * In any other user namespace mknod(2) of devices fails, even with CAP_MKNOD.
 */
function inInitialUserNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(
    Deno.readTextFileSync("/proc/self/uid_map"),
  );
}
