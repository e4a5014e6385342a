/** The flags that create and run --bundle have in common. */

import { readBundle } from "../../containers/decide/oci/bundle.ts";
import { requesterIn } from "../../containers/decide/requester.ts";
import { requireInherited } from "../../containers/decide/inherited.ts";
import type { CreateOptions } from "../../containers/oci/create.ts";
import { THIS_MACHINE } from "../../containers/world/real_world.ts";
import type { World } from "../../containers/world/world.ts";
import { checkId } from "../../containers/store/container_id.ts";
import type { Flag, Flags } from "../flags.ts";
import { warn } from "../output.ts";
import { parseNumber } from "../run_values.ts";
import { configReading, globals } from "./global.ts";

/** The most descriptors that can be kept; these numbers always exist. */
const MOST_FDS = 512;

/** The flags, by runc's names. */
export const CREATE_FLAGS: readonly Flag[] = [
  {
    name: "bundle",
    short: "b",
    value: "DIR",
    help: "Directory with config.json (default .)",
  },
  {
    name: "console-socket",
    value: "PATH",
    help: "Unix socket that receives the terminal",
  },
  {
    name: "pidfd-socket",
    value: "PATH",
    help: "Unix socket that receives a pidfd of the first process",
  },
  {
    name: "pid-file",
    value: "FILE",
    help: "Write the PID to FILE",
  },
  { name: "no-pivot", help: "Use chroot(2) instead of pivot_root(2)" },
  { name: "no-new-keyring", help: "Keep the caller's session keyring" },
  {
    name: "preserve-fds",
    value: "N",
    help: "Pass N file descriptors, starting with 3",
  },
];

/**
 * The options that the flags describe. The bundle is read.
 *
 * @throws {UsageError}, {ContainerError} or {SpecError}
 */
export function createOptions(flags: Flags, id: string): CreateOptions {
  checkId(id);
  const text = flags.last("preserve-fds") ?? "0";
  const preserveFds = parseNumber("preserve-fds", text, [0, MOST_FDS]);
  const requester = requesterIn(THIS_MACHINE);
  const { world } = requester;
  const listenFds = passedSockets(world);
  for (let index = 0; index < listenFds + preserveFds; index++) {
    const flag = index < listenFds
      ? `LISTEN_FDS=${listenFds}`
      : `--preserve-fds ${preserveFds}`;
    requireInherited(flag, 3 + index, world);
  }
  const { systemdCgroup, cgroups } = globals();
  const { spec, path } = readBundle(
    flags.last("bundle") ?? ".",
    requester,
    configReading(),
  );
  return {
    id,
    bundle: path,
    spec,
    pidFile: flags.last("pid-file"),
    pidfdSocket: flags.last("pidfd-socket"),
    consoleSocket: flags.last("console-socket"),
    notifies: Boolean(world.variable("NOTIFY_SOCKET")),
    noPivot: flags.has("no-pivot"),
    keepKeyring: flags.has("no-new-keyring"),
    preserveFds: listenFds + preserveFds,
    // As systemd would do it for the first process, sd_listen_fds(3).
    env: listenFds ? [`LISTEN_FDS=${listenFds}`, "LISTEN_PID=1"] : [],
    cgroups: !cgroups ? "none" : systemdCgroup ? "systemd" : "cgroupfs",
    warn,
  };
}

/** How many sockets this process has inherited by systemd's protocol. */
function passedSockets(world: World): number {
  const count = world.variable("LISTEN_FDS");
  if (!count) return 0;
  if (world.variable("LISTEN_PID") !== String(world.processId())) return 0;
  return parseNumber("LISTEN_FDS", count, [0, MOST_FDS]);
}
