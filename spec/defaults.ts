/** What a container is when nothing else is said. */

import type { Spec } from "./types.ts";

/** The runtime-spec that our types follow. */
export const OCI_VERSION = "1.2.0";

/** The search path inside a container. */
export const DEFAULT_PATH = "/bin:/sbin:/usr/bin:/usr/sbin";

/** The name a container has inside. */
export const DEFAULT_HOSTNAME = "container";

/** The Spec of the seed's container: own PID, mount, UTS and IPC namespaces and a /proc. */
export function defaultSpec(
  { rootfs, args, env, cwd = "/", hostname = DEFAULT_HOSTNAME }: {
    rootfs: string;
    args: string[];
    env: string[];
    cwd?: string;
    hostname?: string;
  },
): Spec {
  return {
    ociVersion: OCI_VERSION,
    process: { user: { uid: 0, gid: 0 }, args, env, cwd },
    root: { path: rootfs },
    hostname,
    mounts: [{
      destination: "/proc",
      type: "proc",
      source: "proc",
      options: ["nosuid", "nodev", "noexec"],
    }],
    linux: {
      namespaces: [
        { type: "pid" },
        { type: "mount" },
        { type: "uts" },
        { type: "ipc" },
      ],
    },
  };
}
