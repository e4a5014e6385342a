/**
 * The scripts that run in a virtual machine, and what they say to the host: by
 * a serial line, on which the host sends one command after the other.
 *
 * @module
 */

import { CRIU_MODULES } from "./criu.ts";
import type { Entry } from "./entries.ts";
import { findKernel, moduleFiles } from "./kernel.ts";

/** For the disk. */
const DISK_MODULES = ["virtio_pci", "virtio_blk"];

/** For containers, and for criu. */
const MODULES = [
  ...["overlay", "veth", "bridge", "tun", "fuse", "loop"],
  ...CRIU_MODULES,
];

/** Begins the line behind a command's output. */
const MARK = "\u0001";

/**
 * Takes what a machine has said apart: a command's output, and its status once
 * that is there. A machine that begins to listen says a 0.
 */
export function readAnswer(text: string): { output: string; code?: number } {
  const at = text.lastIndexOf(MARK);
  if (at < 0) return { output: text };
  const status = /^(\d+)\n/.exec(text.slice(at + 1));
  return {
    output: text.slice(0, at),
    code: status ? Number(status[1]) : undefined,
  };
}

/** A machine whose host is gone waits so long for it, in seconds. */
const DESERTED = 900;

/** In the initial RAM disk: finds the disk and hands over to it. */
const INIT = `#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs none /dev
for m in $($b cat /modules/order); do $b insmod /modules/$m || echo "insmod $m failed"; done
i=0
until $b test -b /dev/vda || $b test $i = 100; do $b sleep 0.1; i=$((i+1)); done
$b mount -t ext4 -o noatime /dev/vda /sysroot || { echo "no root disk"; $b reboot -f; }
$b umount /dev
exec $b switch_root /sysroot /sbin/vm-main
`;

/** PID 1 where that is not systemd: mounts what a system has. */
const MAIN = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec /sbin/vm-serve
`;

/**
 * Runs what the host sends: a line is a shell's script in base64. Its output
 * goes through a pipe, so that a command does not take the line for a terminal;
 * and the line is opened by a subshell, so that it is nobody's controlling one.
 */
const SERVE = `#!/bin/busybox sh
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root TERM=dumb NO_COLOR=1
for m in $(cat /modules/order); do insmod /modules/$m || echo "insmod $m failed"; done
mount -t tmpfs tmp /tmp
ip link set lo up
hostname vm
stty -F /dev/ttyS1 raw -echo
(
  printf '\\001%d\\n' 0 >&3
  while read -t ${DESERTED} -r line <&3; do
    echo "$line" | base64 -d > /run/vm-script
    { sh /run/vm-script < /dev/null; echo $? > /run/vm-status; } 2>&1 3>&- | cat >&3
    printf '\\001%d\\n' "$(cat /run/vm-status)" >&3
  done
) 3<>/dev/ttyS1
reboot -f
`;

/** A script as the guest reads it from the line. */
export function encodeScript(script: string): Uint8Array {
  const bytes = new TextEncoder().encode(script);
  return new TextEncoder().encode(`${bytes.toBase64()}\n`);
}

/** The initial RAM disk: what it takes to have the disk. */
export async function initialEntries(): Promise<Entry[]> {
  return [
    { path: "init", content: INIT, mode: 0o755 },
    { path: "bin/busybox", from: "/bin/busybox" },
    { path: "dev/console", device: [5, 1] },
    ...["proc", "sys", "sysroot"].map((path) => ({
      path,
      directory: true as const,
    })),
    ...await moduleEntries(DISK_MODULES),
  ];
}

/** What the disk has to have; systemd has a `vm-main` of its own. */
export async function guestEntries(): Promise<Entry[]> {
  return [
    { path: "sbin/vm-main", content: MAIN, mode: 0o755 },
    { path: "sbin/vm-serve", content: SERVE, mode: 0o755 },
    ...await moduleEntries(MODULES),
  ];
}

async function moduleEntries(names: readonly string[]): Promise<Entry[]> {
  const modules = await moduleFiles((await findKernel()).modules, names);
  return [
    {
      path: "modules/order",
      content: modules.map(({ name }) => name).join("\n") + "\n",
    },
    ...modules.map(({ name, path }) => ({
      path: `modules/${name}`,
      from: path,
    })),
  ];
}
