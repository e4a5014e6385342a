/**
 * `deno task test:vm`: runs a command in a Debian kernel under qemu; by default
 * the tests of cgroup v2.
 *
 *     deno run -A scripts/vm.ts [--systemd] [--memory MB] [COMMAND…]
 *
 * Nothing is installed or changed on the host. Kernel and disk are in the
 * cache, and the machine writes to a temporary copy of the disk. Its console
 * goes to a file. The command's output has its own serial line.
 *
 * @module
 */

// @ts-types="../types/std_path.d.ts"
import { fromFileUrl, join, resolve } from "@std/path";
import { type Archive, archive } from "./vm/archive.ts";
import { CRIU_MODULES, criuFiles } from "./vm/criu.ts";
import { findKernel, moduleFiles, output } from "./vm/kernel.ts";
import { rootImage } from "./vm/root.ts";
import { systemdFiles, systemdMain } from "./vm/systemd.ts";

/** What to run in a virtual machine. */
export interface VmOptions {
  /**
   * The command. It is looked up in the guest's PATH, which has Deno and
   * busybox.
   */
  command: string[];
  /** Files and directories of the host, by their paths in the guest. */
  files?: Record<string, string>;
  /** The working directory in the guest. */
  cwd?: string;
  env?: Record<string, string>;
  /** Memory in megabytes. */
  memory?: number;
  cpus?: number;
  /** systemd is PID 1, and the command is a unit. */
  systemd?: boolean;
  /** Kernel modules to load, by name. Their dependencies are added. */
  modules?: string[];
  /** Milliseconds after which the machine is turned off. */
  timeout?: number;
  /** Receives the output as it arrives. */
  onOutput?: (bytes: Uint8Array) => void;
}

/** The result of a command in a virtual machine. */
export interface VmResult {
  /**
   * The status of the command; null if the machine ended before the command.
   */
  code: number | null;
  output: string;
  /** The kernel's messages, for the case that code is null. */
  console: string;
}

/** Begins the line with the status, after the output. */
const MARKER = "\u0001vm-exit ";

/** Modules that are always loaded: for the disk, and for containers. */
const MODULES = ["virtio_pci", "virtio_blk"];
const EXTRA_MODULES = ["overlay", "veth", "bridge", "tun", "fuse", "loop"];

/**
 * Emulation (tcg) works everywhere. kvm is faster, but not every machine with
 * /dev/kvm can use it.
 */
const ACCELERATOR = Deno.env.get("CONTAINER_VM_ACCEL") || "tcg";

const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * Boots a kernel, runs the command as root on a writable disk, and powers off.
 */
export async function bootVm(options: VmOptions): Promise<VmResult> {
  // The files need up to half of the memory until they are copied to the disk.
  const { memory = 1536, cpus = 2, timeout = 300_000 } = options;
  await requireQemu();
  const kernel = await findKernel();
  const image = await rootImage();
  const scratch = await Deno.makeTempDir({ prefix: "container-vm-" });
  try {
    const initramfs = join(scratch, "initramfs");
    const log = join(scratch, "console");
    await Deno.writeFile(initramfs, await initialFiles(kernel, options));
    const qemu = new Deno.Command("qemu-system-x86_64", {
      args: [
        ...["-accel", ACCELERATOR, "-cpu", "max"],
        ...["-m", String(memory), "-smp", String(cpus)],
        ...["-kernel", kernel.image, "-initrd", initramfs],
        ...["-append", "console=ttyS0 panic=-1 loglevel=4 random.trust_cpu=on"],
        ...["-drive", `file=${image},format=raw,if=virtio,snapshot=on`],
        ...["-serial", `file:${log}`, "-serial", "stdio"],
        ...["-display", "none", "-monitor", "none", "-nic", "none"],
        "-no-reboot",
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const timer = setTimeout(() => qemu.kill("SIGKILL"), timeout);
    const errors = new Response(qemu.stderr).text();
    const text = await readOutput(qemu.stdout, options.onOutput);
    await qemu.status;
    clearTimeout(timer);
    const end = text.indexOf(MARKER);
    return {
      code: end < 0 ? null : Number.parseInt(text.slice(end + MARKER.length)),
      output: end < 0 ? text : text.slice(0, end),
      console: await errors + await Deno.readTextFile(log).catch(() => ""),
    };
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

async function requireQemu(): Promise<void> {
  if (Deno.build.arch !== "x86_64") {
    throw new Error(
      "Cannot start a virtual machine: only x86_64 is set up for it",
    );
  }
  try {
    await output("qemu-system-x86_64", ["--version"]);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(
      "Cannot start a virtual machine: qemu-system-x86_64 is missing (Debian: apt-get install qemu-system-x86 busybox-static e2fsprogs)",
      { cause },
    );
  }
}

/** Reads the output. The serial line is a terminal, so lines end with CR LF. */
async function readOutput(
  stream: ReadableStream<Uint8Array>,
  onOutput?: (bytes: Uint8Array) => void,
): Promise<string> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let all = "";
  let shown = 0;
  for await (const chunk of stream) {
    all = (all + decoder.decode(chunk, { stream: true })).replaceAll(
      "\r\n",
      "\n",
    );
    const end = all.indexOf(MARKER[0]!);
    const until = end < 0 ? all.length - (all.endsWith("\r") ? 1 : 0) : end;
    if (until > shown) onOutput?.(encoder.encode(all.slice(shown, until)));
    shown = Math.max(shown, until);
  }
  return all;
}

/**
 * Makes the initial RAM disk: drivers for the real disk, and files to copy to
 * it.
 */
async function initialFiles(
  kernel: { modules: string },
  options: VmOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const modules = await moduleFiles(kernel.modules, [
    ...MODULES,
    ...EXTRA_MODULES,
    ...options.modules ?? [],
  ]);
  const more = options.systemd ? await systemdFiles() : {};
  const main = options.systemd
    ? systemdMain(commandScript(options))
    : plainMain(options);
  const files: Archive = [
    { path: "init", content: INIT, mode: 0o755 },
    { path: "vm-main", content: main, mode: 0o755 },
    { path: "bin/busybox", from: "/bin/busybox" },
    { path: "dev/console", device: [5, 1] },
    {
      path: "modules/order",
      content: modules.map(({ name }) => name).join("\n") + "\n",
    },
    ...modules.map(({ name, path }) => ({
      path: `modules/${name}`,
      from: path,
    })),
    ...["proc", "sys", "sysroot"].map((path) => ({
      path,
      directory: true as const,
    })),
    ...Object.entries({ ...more, ...options.files }).map(([guest, host]) => ({
      path: `files${guest}`,
      from: host,
    })),
  ];
  return await archive(files);
}

/** The init of the initial RAM disk: finds the disk and switches to it. */
const INIT = `#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs none /dev
for m in $($b cat /modules/order); do $b insmod /modules/$m || echo "insmod $m failed"; done
i=0
until $b test -b /dev/vda || $b test $i = 100; do $b sleep 0.1; i=$((i+1)); done
$b mount -t ext4 /dev/vda /sysroot || { echo "no root disk"; $b reboot -f; }
$b test -d /files && $b cp -a /files/. /sysroot/
$b cp /vm-main /sysroot/sbin/vm-main
$b umount /dev
exec $b switch_root /sysroot /sbin/vm-main
`;

/**
 * The script that is PID 1 on the disk: makes the usual mounts, runs the
 * command, and ends.
 */
function plainMain(options: VmOptions): string {
  return `#!/bin/busybox sh
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root TERM=dumb NO_COLOR=1
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
${commandScript(options)}`;
}

/** The script that runs the command, reports its status, and ends. */
function commandScript(
  { command, cwd = "/", env = {} }: VmOptions,
): string {
  return `#!/bin/busybox sh
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root TERM=dumb NO_COLOR=1
mount -t tmpfs tmp /tmp
ip link set lo up
hostname vm
${
    Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}`)
      .join("\n")
  }
cd ${quote(cwd)}
stty -F /dev/ttyS1 -opost -echo
# Through a pipe, so that the command does not take the line for a terminal.
{ (${
    command.map(quote).join(" ")
  }) < /dev/null; echo $? > /run/vm-status; } 2>&1 | cat > /dev/ttyS1
printf '${
    MARKER.replace("\u0001", "\\001")
  }%d\\n' "$(cat /run/vm-status)" > /dev/ttyS1
sync
reboot -f
`;
}

/** The path of the repository in the guest. */
const GUEST = "/repository";

const HELP = `Run a command in a Debian kernel under qemu, with cgroup v2

Usage: deno task test:vm [--systemd] [--memory MB] [COMMAND…]

  --systemd    Run systemd as PID 1, from this system's own packages

Without a command, this runs the tests in tests/vm. The virtual machine has the
repository at ${GUEST}, with the compiled program if CONTAINER_BIN
names one. It also has criu, ip, iptables and tar if criu is installed on this
host.
`;

/** The files of the repository, without those that are built in it. */
function repositoryFiles(): Record<string, string> {
  const root = fromFileUrl(new URL("../", import.meta.url));
  const files: Record<string, string> = {};
  for (const { name } of Deno.readDirSync(root)) {
    if (!/^(\.|fs$|node_modules$|container$)/.test(name) || name === ".fs.d") {
      files[`${GUEST}/${name}`] = join(root, name);
    }
  }
  const program = Deno.env.get("CONTAINER_BIN");
  if (program) files[`${GUEST}/container`] = resolve(program);
  return files;
}

/**
 * An entry of the lock file. Packages for other systems are not in the cache.
 */
interface Locked {
  os?: string[];
  cpu?: string[];
}

/**
 * The packages of the lock file, from Deno's cache, because the guest has no
 * network.
 */
async function packageFiles(): Promise<Record<string, string>> {
  const info = JSON.parse(await output(Deno.execPath(), ["info", "--json"]));
  const lock = JSON.parse(
    await Deno.readTextFile(new URL("../deno.lock", import.meta.url)),
  );
  const files: Record<string, string> = {};
  const locked = Object.entries<Locked>(lock.npm ?? {});
  for (const [entry, { os = ["linux"], cpu = ["x64"] }] of locked) {
    if (!os.includes("linux") || !cpu.includes("x64")) continue;
    const name = entry.slice(0, entry.lastIndexOf("@"));
    const path = `npm/registry.npmjs.org/${name}`;
    files[`/deno-dir/${path}`] = join(info.denoDir, path);
  }
  return files;
}

async function main(args: string[]): Promise<number> {
  if (args[0] === "--help") {
    await Deno.stdout.write(new TextEncoder().encode(HELP));
    return 0;
  }
  let memory: number | undefined;
  const systemd = args[0] === "--systemd";
  if (systemd) args.shift();
  if (args[0] === "--memory") memory = Number(args.splice(0, 2)[1]);
  const command = args.length
    ? args
    : ["deno", "test", "-A", "--no-check", "--cached-only", "tests/vm/"];
  const { code, console } = await bootVm({
    command,
    memory,
    systemd,
    // Under emulation the program takes seconds to start.
    timeout: 1_200_000,
    cwd: GUEST,
    files: {
      ...await criuFiles(),
      ...repositoryFiles(),
      ...await packageFiles(),
    },
    modules: CRIU_MODULES,
    env: {
      CONTAINER_VM: "1",
      DENO_DIR: "/deno-dir",
      DENO_NO_UPDATE_CHECK: "1",
    },
    onOutput: (bytes) => void Deno.stdout.writeSync(bytes),
  });
  if (code !== null) return code;
  await Deno.stderr.write(
    new TextEncoder().encode(
      `The virtual machine ended before the command did. Its console:\n${
        console.slice(-4000)
      }\n`,
    ),
  );
  return 125;
}

if (import.meta.main) Deno.exit(await main([...Deno.args]));
