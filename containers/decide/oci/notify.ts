/**
 * The socket of a container for sd_notify(3): where it is inside. Only decides:
 * pure. containers/oci/notify_socket.ts makes it and passes its messages on.
 */

import type { Mount } from "../../../spec/types.ts";

/** The same path as with runc, because programs inside may rely on it. */
const DIRECTORY = "/run/notify";

/** The name of the socket in its directory. */
export const NOTIFY_SOCKET_NAME = "notify.sock";

/** Tells the command where the socket is. */
export const NOTIFY_VARIABLE =
  `NOTIFY_SOCKET=${DIRECTORY}/${NOTIFY_SOCKET_NAME}`;

/** Mounts the directory of the socket, read-only inside. */
export const notifyMount = (source: string): Mount => ({
  destination: DIRECTORY,
  type: "bind",
  source,
  options: ["bind", "ro", "nosuid", "nodev", "noexec"],
});
