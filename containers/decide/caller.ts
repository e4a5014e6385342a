/** Who started us and what they may do, from /proc/self/status. */

import { CAPABILITIES } from "../../plan/process/capabilities.ts";

/** The caller's identity and rights. */
export interface Caller {
  uid: number;
  gid: number;
  /** May make namespaces without a user namespace: CAP_SYS_ADMIN. */
  privileged: boolean;
  /** May map any id: CAP_SETUID. */
  capable: boolean;
  /** May look into any process of this user namespace: CAP_SYS_PTRACE. */
  traces: boolean;
  /** The bounding set: what can be given at all. */
  bounding: Set<string>;
  /** In a user namespace that somebody made, as podman of a user is. */
  nested: boolean;
  /** May make device nodes: CAP_MKNOD in the initial user namespace. */
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

/** The caller; read once. */
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

/** Any other may not make device nodes, whatever its capabilities say. */
function inInitialUserNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(
    Deno.readTextFileSync("/proc/self/uid_map"),
  );
}
