/**
 * A world for one test file: its own mount, PID, UTS, IPC, network and cgroup
 * namespaces, an empty /tmp and /run, and its own tree in each cgroup
 * hierarchy. Files in different worlds can run concurrently, because the check
 * that the host is unchanged sees only the file's own world. This module runs
 * on the host, as root.
 *
 * @module
 */
// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { statfsSync } from "node:fs";
import { readIfThere } from "../_files.ts";
import { ON_DISK } from "./files.ts";

/** A cgroup hierarchy as this process sees it. */
export interface Hierarchy {
  mountpoint: string;
  type: "cgroup" | "cgroup2";
  /**
   * The mount options for mount(8): `cpu,cpuacct`, or `none,name=systemd`; `rw`
   * for cgroup v2.
   */
  options: string;
  /** The directory of this process's own cgroup. */
  own: string;
}

/**
 * Finds the cgroup v1 hierarchies, and the cgroup v2 hierarchy next to them;
 * none if there is only cgroup v2.
 *
 * @param mountinfo the content of /proc/self/mountinfo, proc(5)
 * @param cgroups the content of /proc/self/cgroup, cgroups(7)
 */
export function hierarchies(mountinfo: string, cgroups: string): Hierarchy[] {
  const owns = new Map(
    cgroups.trim().split("\n").map((line) => {
      const [, names = "", ...path] = line.split(":");
      return [names, path.join(":")];
    }),
  );
  const found = mountinfo.trim().split("\n").flatMap((line): Hierarchy[] => {
    const [fields = "", tail = ""] = line.split(" - ");
    const mountpoint = fields.split(" ")[4] ?? "";
    const [type, , superOptions = ""] = tail.split(" ");
    if (type !== "cgroup" && type !== "cgroup2") return [];
    const names = type === "cgroup2"
      ? []
      : superOptions.split(",").filter((name) =>
        !["rw", "ro", "xattr", "clone_children"].includes(name)
      );
    const own = owns.get(names.join(","));
    if (own === undefined) return [];
    const named = names.some((name) => name.startsWith("name="));
    const options = [...(named ? ["none"] : []), ...names].join(",");
    return [{
      mountpoint,
      type,
      options: options || "rw",
      own: join(mountpoint, own).replace(/\/$/, ""),
    }];
  });
  return found.some(({ type }) => type === "cgroup") ? found : [];
}

/**
 * The script in the new namespaces. Arguments: the directory for /tmp, the
 * hierarchies, and after `--` the command.
 */
const INSIDE = `
set -e
mount --bind "$1" /tmp; shift
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 1777 /run/lock
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
while [ "$1" != -- ]; do
  umount "$1"
  mount -t "$2" -o "$3" cgroup "$1"
  shift 3
done
shift
ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null || true
"$@"
`;

/**
 * The script on the host. Arguments: the cgroups to enter, and after `--` the
 * command.
 */
const ENTER = `
set -e
while [ "$1" != -- ]; do echo $$ > "$1"; shift; done
shift
exec "$@"
`;

const NAMESPACES = [
  ...["--mount", "--uts", "--ipc", "--pid", "--cgroup"],
  ...["--fork", "--kill-child", "--mount-proc", "--propagation", "private"],
];

const TMPFS_MAGIC = 0x01021994;

/** The memory, in bytes, that must be free for worlds whose /tmp is in memory. */
const ENOUGH = 4 * 2 ** 30;

/**
 * The directory for the files of worlds; undefined for that of all temporary
 * files. In memory the tests take 20 to 45 % less processor time than
 * on a disk: ext4 reuses no inode that was removed in the last seconds, and
 * looks at each of them whenever it makes one.
 */
export function placeInMemory(
  path = "/dev/shm",
  meminfo = Deno.readTextFileSync("/proc/meminfo"),
): string | undefined {
  const available = Number(/^MemAvailable: +(\d+) kB$/m.exec(meminfo)?.[1]);
  try {
    const { type, bavail, bsize } = statfsSync(path);
    return type === TMPFS_MAGIC && bavail * bsize > ENOUGH &&
        available * 1024 > ENOUGH
      ? path
      : undefined;
  } catch {
    return undefined;
  }
}

/** How many worlds this process has made. */
let made = 0;

/** The world of a test file. */
export class World implements AsyncDisposable {
  /** The directory that is /tmp inside. */
  readonly tmp: string;
  readonly #trees: (Hierarchy & { path: string })[];

  /**
   * @param name that of the test file, see {@linkcode ON_DISK}
   * @param network whether the world has the host's network; otherwise it has
   * only loopback
   */
  constructor(
    name: string,
    found: readonly Hierarchy[],
    private readonly network = false,
  ) {
    this.tmp = Deno.makeTempDirSync({
      dir: name in ON_DISK ? undefined : placeInMemory(),
      prefix: "container-world-",
    });
    Deno.chmodSync(this.tmp, 0o1777);
    // Files of the same name may run at once.
    const count = ++made;
    this.#trees = found.map((hierarchy) => {
      const path = join(
        hierarchy.own,
        `container-world-${name}-${Deno.pid}-${count}`,
      );
      Deno.mkdirSync(path);
      if (/\bcpuset\b/.test(hierarchy.options)) copyCpuset(hierarchy.own, path);
      return { ...hierarchy, path };
    });
  }

  /** The command line that runs a command in the world. */
  words(command: readonly string[]): string[] {
    return [
      ...["sh", "-c", ENTER, "sh"],
      ...this.#trees.map(({ path }) => `${path}/cgroup.procs`),
      ...["--", "unshare", ...NAMESPACES, ...this.network ? [] : ["--net"]],
      ...["sh", "-c", INSIDE, "sh", this.tmp],
      ...this.#trees.flatMap(({ mountpoint, type, options }) => [
        mountpoint,
        type,
        options,
      ]),
      ...["--", ...command],
    ];
  }

  /** The files that tests have left in /tmp. */
  leftovers(): string[] {
    return [...Deno.readDirSync(this.tmp)].map(({ name }) => `/tmp/${name}`);
  }

  /**
   * The CPU time of all processes that have been in the world, in seconds; null
   * if no hierarchy counts it.
   */
  cpuSeconds(): number | null {
    const tree = this.#trees.find(({ options }) => /\bcpuacct\b/.test(options));
    const text = tree && readIfThere(join(tree.path, "cpuacct.usage"));
    return text ? Number(text) / 1e9 : null;
  }

  /**
   * Removes the world. Its first process has ended, and with it its PID
   * namespace.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.tmp, { recursive: true });
    for (const { path } of this.#trees) await removeTree(path);
  }
}

/**
 * A new cpuset accepts no process before it has CPUs and memory nodes,
 * cpuset(7).
 */
function copyCpuset(from: string, to: string): void {
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    Deno.writeTextFileSync(
      join(to, file),
      Deno.readTextFileSync(join(from, file)),
    );
  }
}

/** The longest wait for killed processes to end, in milliseconds. */
const DYING = 10_000;

/**
 * Removes a cgroup and its children, as soon as their last processes have
 * ended.
 */
async function removeTree(path: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory) await removeTree(join(path, name));
  }
  const end = performance.now() + DYING;
  for (;;) {
    try {
      return await Deno.remove(path);
    } catch (error) {
      if (!/os error 16/.test(String(error)) || performance.now() > end) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/**
 * The hierarchies of this machine, or why no world can be made. With only
 * cgroup v2, a world that contains processes could not delegate controllers
 * ("no internal processes" in cgroups(7)).
 */
export function findHierarchies(): Hierarchy[] | string {
  if (Deno.uid() !== 0) return "not root";
  const found = hierarchies(
    Deno.readTextFileSync("/proc/self/mountinfo"),
    Deno.readTextFileSync("/proc/self/cgroup"),
  );
  if (!found.length) return "no cgroup v1";
  const { success } = new Deno.Command("unshare", {
    args: [...NAMESPACES, "--net", "true"],
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return success ? found : "unshare(1) cannot make the namespaces";
}
