/**
 * The process that has a port: /proc/net/tcp and the others name the inode of
 * the socket, and /proc/PID/fd the process. Runs on the host; only reads.
 *
 * @module
 */

import type { PortProtocol } from "../../plan/ports.ts";

/** TCP_LISTEN of net/tcp_states.h; other states of a port do not matter. */
const TCP_LISTEN = "0A";

/** A process, with the name that ps(1) shows. */
export interface Holder {
  pid: number;
  name: string;
}

/** The process that has bound a port; null if it is not found. */
export function holderOf(
  protocol: PortProtocol,
  port: number,
): Holder | null {
  const inodes = new Set(
    [protocol, `${protocol}6`].flatMap((table) => inodesIn(table, port)),
  );
  if (!inodes.size) return null;
  for (const { name: pid } of readDirectory("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const { name: fd } of readDirectory(`/proc/${pid}/fd`)) {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(
        readLink(`/proc/${pid}/fd/${fd}`),
      ) ?? [];
      if (inode !== undefined && inodes.has(inode)) {
        return {
          pid: Number(pid),
          name: readText(`/proc/${pid}/comm`).trim() || "a process",
        };
      }
    }
  }
  return null;
}

/** The inodes of the sockets that are bound to a port, proc_pid_net(5). */
function inodesIn(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readText(`/proc/net/${table}`).split("\n").slice(1).flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [, local = "", , state] = fields;
    if (!local.endsWith(suffix)) return [];
    if (table.startsWith("tcp") && state !== TCP_LISTEN) return [];
    return fields[9] ? [fields[9]] : [];
  });
}

// A process can end at any time.
function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

function readLink(path: string): string {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return "";
  }
}

function readDirectory(path: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(path)];
  } catch {
    return [];
  }
}
