/**
 * systemd as PID 1 of the virtual machine: that of the host, with its
 * libraries, a message bus and the command.
 *
 * @module
 */

import { librariesOf } from "./root.ts";

const PROGRAMS = [
  "/usr/lib/systemd/systemd",
  "/usr/bin/dbus-daemon",
  "/usr/bin/systemctl",
  "/usr/bin/systemd-run",
  "/usr/bin/setpriv",
];
const DIRECTORIES = ["/usr/lib/systemd/system", "/usr/share/dbus-1"];

/** The host's files by their path in the guest. */
export async function systemdFiles(): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const path of [...PROGRAMS, ...DIRECTORIES]) {
    if (!await Deno.stat(path).then(() => true, () => false)) {
      throw new Error(
        `Cannot start a virtual machine with systemd: ${path} is missing (Debian: apt-get install systemd dbus)`,
      );
    }
    files[path] = path;
  }
  for (const program of PROGRAMS) {
    for (const path of await librariesOf(program)) files[path] = path;
  }
  return files;
}

/**
 * The units. They have no default dependencies, which only a whole system
 * meets.
 */
const UNITS: Record<string, string> = {
  "vm.target": `[Unit]
DefaultDependencies=no
Wants=vm.service`,
  "vm.service": `[Unit]
DefaultDependencies=no
Requires=dbus.socket dbus.service
After=dbus.socket dbus.service
[Service]
Type=oneshot
ExecStart=/sbin/vm-command
StandardInput=null
TimeoutStartSec=infinity`,
  "dbus.socket": `[Unit]
DefaultDependencies=no
[Socket]
ListenStream=/run/dbus/system_bus_socket`,
  "dbus.service": `[Unit]
DefaultDependencies=no
Requires=dbus.socket
[Service]
Type=notify
ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation`,
};

/**
 * The script that is PID 1 until it executes systemd.
 *
 * @param command the script that the unit runs
 */
export function systemdMain(command: string): string {
  const here = (path: string, text: string) =>
    `cat > ${path} <<'END_OF_FILE'\n${text}\nEND_OF_FILE\n`;
  return `#!/bin/busybox sh
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
/bin/busybox --install -s /bin
mkdir -p /etc/systemd/system
echo 0123456789abcdef0123456789abcdef > /etc/machine-id
echo messagebus:x:100:100::/:/bin/false >> /etc/passwd
echo messagebus:x:100: >> /etc/group
${
    Object.entries(UNITS).map(([name, text]) =>
      here(`/etc/systemd/system/${name}`, text)
    ).join("")
  }${here("/sbin/vm-command", command)}chmod 755 /sbin/vm-command
exec /usr/lib/systemd/systemd --unit=vm.target --log-target=console --show-status=0
`;
}
