/**
 * systemd as the virtual machine's PID 1: this system's own, with the libraries
 * it needs, a bus, and nothing else but the command.
 *
 * @module
 */

import type { Entry } from "./entries.ts";
import { asHere, exists, withLibraries } from "./host.ts";

const PROGRAMS = [
  "/usr/lib/systemd/systemd",
  "/usr/bin/dbus-daemon",
  "/usr/bin/systemctl",
  "/usr/bin/systemd-run",
];
const DIRECTORIES = ["/usr/lib/systemd/system", "/usr/share/dbus-1"];

/** Units without what a whole system depends on. */
const UNITS: Record<string, string> = {
  "vm.target": `[Unit]
DefaultDependencies=no
Wants=vm.service
`,
  "vm.service": `[Unit]
DefaultDependencies=no
Requires=dbus.socket dbus.service
After=dbus.socket dbus.service
[Service]
Type=oneshot
ExecStart=/sbin/vm-serve
StandardInput=null
TimeoutStartSec=infinity
`,
  "dbus.socket": `[Unit]
DefaultDependencies=no
[Socket]
ListenStream=/run/dbus/system_bus_socket
`,
  "dbus.service": `[Unit]
DefaultDependencies=no
Requires=dbus.socket
[Service]
Type=notify
ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation
`,
};

/** PID 1 until systemd takes over. */
const MAIN = `#!/bin/busybox sh
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
/bin/busybox --install -s /bin
exec /usr/lib/systemd/systemd --unit=vm.target --log-target=console --show-status=0
`;

/** Files of this system, and units of which one starts /sbin/vm-serve. */
export async function systemdEntries(): Promise<Entry[]> {
  for (const path of [...PROGRAMS, ...DIRECTORIES]) {
    if (await exists(path)) continue;
    throw new Error(
      `Cannot start a virtual machine with systemd: ${path} is missing (Debian: apt-get install systemd dbus)`,
    );
  }
  return [
    ...asHere(DIRECTORIES),
    ...await withLibraries(
      Object.fromEntries(PROGRAMS.map((path) => [path, path])),
    ),
    ...Object.entries(UNITS).map(([name, content]) => ({
      path: `etc/systemd/system/${name}`,
      content,
    })),
    {
      path: "etc/machine-id",
      content: "0123456789abcdef0123456789abcdef\n",
    },
    { path: "sbin/vm-main", content: MAIN, mode: 0o755 },
  ];
}
