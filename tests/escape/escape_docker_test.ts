/**
 * Compares a command's process with docker's for the same command: rights,
 * namespaces, mounts, descriptors, devices, and files that it can open for
 * writing. Docker's values are recorded here, and compared with a real `docker
 * run` if a daemon can be started. Ours equal the recorded ones except for
 * intended differences, each with its reason.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { MODES, noAttacker, Target } from "../_attack.ts";
import { Docker, noDocker } from "../_docker.ts";
import { test } from "../_harness.ts";

/** The properties of a container's process that do not change from run to run. */
interface Process {
  status: Record<string, string>;
  /** Namespaces that differ from the host's. */
  namespaces: string[];
  /** Mount options, by mountpoint. */
  mounts: Record<string, string>;
  descriptors: string[];
  devices: string[];
  /** Files of /proc, /sys and /dev that can be opened for writing. */
  writable: string[];
}

/** docker 20.10.24 with runc 1.1.5 on cgroup v1, `docker run --network none`. */
const DOCKER: Omit<Process, "writable"> = {
  status: {
    Uid: "0 0 0 0",
    Gid: "0 0 0 0",
    Groups: "0",
    SigBlk: "0000000000000000",
    SigIgn: "0000000000000000",
    SigCgt: "0000000000000000",
    CapInh: "0000000000000000",
    CapPrm: "00000000a80425fb",
    CapEff: "00000000a80425fb",
    CapBnd: "00000000a80425fb",
    CapAmb: "0000000000000000",
    NoNewPrivs: "0",
    Seccomp: "2",
    Seccomp_filters: "1",
  },
  namespaces: ["ipc", "mnt", "net", "pid", "uts"],
  mounts: {
    "/": "rw,relatime",
    "/dev": "rw,nosuid tmpfs",
    "/dev/mqueue": "rw,nosuid,nodev,noexec,relatime mqueue",
    "/dev/pts": "rw,nosuid,noexec,relatime devpts",
    "/dev/shm": "rw,nosuid,nodev,noexec,relatime tmpfs",
    "/etc/hostname": "rw,relatime",
    "/etc/hosts": "rw,relatime",
    "/etc/resolv.conf": "rw,relatime",
    "/proc": "rw,nosuid,nodev,noexec,relatime proc",
    "/proc/acpi": "ro,relatime tmpfs",
    "/proc/bus": "ro,nosuid,nodev,noexec,relatime proc",
    "/proc/fs": "ro,nosuid,nodev,noexec,relatime proc",
    "/proc/irq": "ro,nosuid,nodev,noexec,relatime proc",
    "/proc/keys": "rw,nosuid tmpfs",
    "/proc/sys": "ro,nosuid,nodev,noexec,relatime proc",
    "/proc/timer_list": "rw,nosuid tmpfs",
    "/sys": "ro,nosuid,nodev,noexec,relatime sysfs",
    "/sys/firmware": "ro,relatime tmpfs",
    "/sys/fs/cgroup": "rw,nosuid,nodev,noexec,relatime",
  },
  descriptors: ["0", "1", "2"],
  devices: [
    "fd -> /proc/self/fd",
    "full c 1,7 666",
    "mqueue d 1777",
    "null c 1,3 666",
    "ptmx -> pts/ptmx",
    "pts d 755",
    "random c 1,8 666",
    "shm d 1777",
    "stderr -> /proc/self/fd/2",
    "stdin -> /proc/self/fd/0",
    "stdout -> /proc/self/fd/1",
    "tty c 5,0 666",
    "urandom c 1,9 666",
    "zero c 1,5 666",
  ],
};

const DEVICE = "rw,nosuid,noexec,relatime tmpfs";
/**
 * The host's null device: if it were writable, root inside could make it
 * unusable for all.
 */
const COVER = "ro,nosuid,noexec,relatime tmpfs";

/** The intended differences. */
const OURS: typeof DOCKER = {
  ...DOCKER,
  // No setuid file gives more rights; docker has this with --security-opt.
  status: { ...DOCKER.status, NoNewPrivs: "1" },
  // docker has it too on cgroup v2.
  namespaces: ["cgroup", ...DOCKER.namespaces],
  mounts: {
    ...without(DOCKER.mounts, [
      // Without a network there is no name server to ask.
      "/etc/resolv.conf",
    ]),
    // In memory; docker uses files on the host's disk.
    "/etc/hostname": "rw,nosuid,nodev,noexec,relatime",
    "/etc/hosts": "rw,nosuid,nodev,noexec,relatime",
    // docker leaves the directory above the hierarchies writable.
    "/sys/fs/cgroup": "ro,nosuid,nodev,noexec,relatime",
    // Mounts restrict devices here, for which docker needs a cgroup.
    "/": "rw,nodev,relatime",
    "/dev": "rw,nosuid,nodev,noexec tmpfs",
    "/dev/full": DEVICE,
    "/dev/null": DEVICE,
    "/dev/random": DEVICE,
    "/dev/tty": DEVICE,
    "/dev/urandom": DEVICE,
    "/dev/zero": DEVICE,
    // As in docker since 28.
    "/proc/interrupts": COVER,
    "/proc/keys": COVER,
    "/proc/timer_list": COVER,
  },
};

const STATUS = Object.keys(DOCKER.status);
const NAMESPACES = [
  "cgroup",
  "ipc",
  "mnt",
  "net",
  "pid",
  "time",
  "user",
  "uts",
];

const PROBE = `cat /proc/self/status
echo ==
for name in ${NAMESPACES.join(" ")}; do readlink /proc/self/ns/$name; done
echo ==
cat /proc/self/mountinfo
echo ==
ls /proc/self/fd
echo ==
cd /dev; for name in *; do stat -c '%N %A %t,%T %a' $name; done
echo ==
attack writable /proc /sys /dev`;

function without(
  mounts: Record<string, string>,
  places: readonly string[],
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(mounts).filter(([place]) => !places.includes(place)),
  );
}

/** Parses the probe's output. */
function parse(output: string): Process {
  const [
    status = "",
    namespaces = "",
    mounts = "",
    fds = "",
    devices = "",
    writable = "",
  ] = output.split("==\n").map((part) => part.trim());
  const lines = (text: string) => text.split("\n").filter((line) => line);
  const fields = new Map(
    lines(status).map((line) => {
      const [key = "", value = ""] = line.split(/:\s*/);
      return [key, value.replaceAll("\t", " ").trim()] as const;
    }),
  );
  // A posix_spawn on the way leaves glibc's two signals, 32 and 33, ignored.
  const ignored = BigInt(`0x${fields.get("SigIgn")}`) & ~(3n << 31n);
  fields.set("SigIgn", ignored.toString(16).padStart(16, "0"));
  return {
    status: Object.fromEntries(
      STATUS.map((key) => [key, fields.get(key) ?? ""]),
    ),
    namespaces: NAMESPACES.filter((name, index) =>
      Deno.readLinkSync(`/proc/self/ns/${name}`) !== lines(namespaces)[index]
    ),
    mounts: parseMounts(lines(mounts)),
    // The last one is the directory that ls reads.
    descriptors: lines(fds).slice(0, -1),
    devices: lines(devices).map(parseDevice).toSorted(),
    writable: lines(writable).toSorted(),
  };
}

/**
 * The types of mounts from the host and of docker's own say nothing, and are
 * left out.
 */
function parseMounts(lines: string[]): Record<string, string> {
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [, , , , place = "", options = ""] = line.split(" ");
      const type = line.split(" - ")[1]!.split(" ")[0];
      if (place.startsWith("/sys/fs/cgroup/")) return [];
      const plain = place === "/" || place === "/sys/fs/cgroup" ||
        place.startsWith("/etc/");
      return [[place, plain ? options : `${options} ${type}`] as const];
    }).toSorted(([a], [b]) => a < b ? -1 : 1),
  );
}

/** \`'null' crw-rw-rw- 1,3 666\`, \`'fd' -> '/proc/self/fd' lrwxrwxrwx …\`. */
function parseDevice(line: string): string {
  const link = line.match(/^'?([^' ]+)'? -> '([^']*)'/);
  if (link) return `${link[1]} -> ${link[2]}`;
  const [name = "", modes = "", numbers = "", mode = ""] = line.split(" ");
  const type = modes[0];
  const words = [name.replaceAll("'", ""), type];
  if (type === "c") words.push(numbers);
  return [...words, mode].join(" ");
}

let docker: Promise<Process> | undefined;

/** docker's values, which are asked for once. */
function askDocker(): Promise<Process> {
  return docker ??= (async () => {
    await using target = await Target.make();
    await using daemon = await Docker.start(target.rootfs);
    const { stdout, stderr, status } = await daemon.run("sh", "-c", PROBE);
    assertEquals([status, stderr], [0, ""]);
    return parse(stdout);
  })();
}

test("docker's process has the values that are recorded here", async () => {
  const { writable: _, ...real } = await askDocker();
  // Newer versions mask more paths, and have a cgroup namespace on v2.
  assertEquals(real, DOCKER);
}, { skip: noAttacker ?? noDocker });

for (const { mode, flags } of MODES) {
  test(
    `run's process equals docker's except for intended differences (${mode})`,
    async () => {
      await using target = await Target.make({ flags });
      const { stdout } = await target.run(["sh", "-c", PROBE]);
      const { writable: _, ...ours } = parse(stdout);
      assertEquals(ours, OURS);
    },
    { skip: noAttacker },
  );

  test(
    `run opens nothing for writing that docker keeps closed (${mode})`,
    async () => {
      await using target = await Target.make({ flags });
      const { stdout } = await target.run(["sh", "-c", PROBE]);
      const { writable } = await askDocker();
      assertEquals(
        parse(stdout).writable.filter((path) => !writable.includes(path)),
        [],
      );
    },
    { skip: noAttacker ?? noDocker },
  );
}
