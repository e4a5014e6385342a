/**
 * The socket of a container for sd_notify(3): where it is inside. Only decides:
 * pure. containers/oci/notify_socket.ts makes it and passes its messages on.
 */

import type { HostStep } from "../../../plan/step.ts";
import type { Mount } from "../../../spec/types.ts";

/** The same path as with runc, because programs inside may rely on it. */
const DIRECTORY = "/run/notify";

/** The name of the socket in its directory. */
export const NOTIFY_SOCKET_NAME = "notify.sock";

/** Tells the command where the socket is. */
export const NOTIFY_VARIABLE =
  `NOTIFY_SOCKET=${DIRECTORY}/${NOTIFY_SOCKET_NAME}`;

/** The directory of a container's socket, by the container's own directory. */
export const notifyDirectory = (path: string): string => `${path}/notify`;

/** Makes the directory. */
export const makeNotifyDirectory = (path: string): HostStep => ({
  step: "makeDirectory",
  path,
  mode: 0o755,
  exact: true,
  exclusive: true,
  why:
    "the container tells through a socket in it that it is ready, and start passes that on",
  man: "sd_notify(3)",
  undo: [{ undo: "removeRecord" }],
});

/** Mounts the directory of the socket, read-only inside. */
export const notifyMount = (source: string): Mount => ({
  destination: DIRECTORY,
  type: "bind",
  source,
  options: ["bind", "ro", "nosuid", "nodev", "noexec"],
});
