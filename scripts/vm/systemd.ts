/**
 * systemd as the virtual machine's PID 1: this system's own, with the libraries
 * it needs, a bus, and nothing else but the command.
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

/** Files of this system, by their path in the guest. */
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

/** Units without what a whole system depends on. */
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
 * The script that is PID 1 until systemd takes over.
 *
 * @param command what the unit runs: a script
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
