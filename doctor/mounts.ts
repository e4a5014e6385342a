/** The mount table, and the cgroups that are in it. Parsing is pure. */

/** A line of /proc/self/mountinfo. */
export interface Mount {
  root: string;
  target: string;
  options: string[];
  /** Member of a peer group: mounts made below it show elsewhere. */
  shared: boolean;
  type: string;
  superOptions: string[];
}

/** One cgroup v1 hierarchy. */
export interface CgroupV1 {
  controllers: string[];
  path: string;
  writable: boolean;
}

/** A cgroup v2 directory. */
export interface CgroupV2 {
  path: string;
  /** What cgroup.controllers lists there. */
  controllers: string[];
  /** This user may make cgroups in it and move processes into them. */
  writable: boolean;
}

/** The cgroups as this process sees them. */
export interface CgroupFacts {
  v1: CgroupV1[];
  /** The top of the hierarchy; null where none is mounted. */
  v2: CgroupV2 | null;
  /** A branch that is this user's own, such as systemd's user@UID.service; null without. */
  delegated: CgroupV2 | null;
}

const unescape = (text: string) =>
  text.replace(
    /\\([0-7]{3})/g,
    (_, code: string) => String.fromCharCode(parseInt(code, 8)),
  );

/** Parses mountinfo of proc_pid_mountinfo(5). */
export function parseMountinfo(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [left, right] = line.split(" - ");
    if (left === undefined || right === undefined) return [];
    const [, , , root = "", target = "", options = "", ...tags] = left.split(
      " ",
    );
    const [type = "", , superOptions = ""] = right.split(" ");
    return [{
      root: unescape(root),
      target: unescape(target),
      options: options.split(","),
      shared: tags.some((tag) => tag.startsWith("shared:")),
      type,
      superOptions: superOptions.split(","),
    }];
  });
}

/** What a path shows: the last mount made there. */
export function mountAt(
  mounts: readonly Mount[],
  target: string,
): Mount | undefined {
  return mounts.findLast((mount) => mount.target === target);
}

const V1_CONTROLLERS = new Set([
  "blkio",
  "cpu",
  "cpuacct",
  "cpuset",
  "devices",
  "freezer",
  "hugetlb",
  "memory",
  "misc",
  "net_cls",
  "net_prio",
  "perf_event",
  "pids",
  "rdma",
]);

/** The controllers of a cgroup v1 mount; none for systemd's own hierarchy. */
export function v1Controllers(mount: Mount): string[] {
  if (mount.type !== "cgroup") return [];
  return mount.superOptions.filter((word) => V1_CONTROLLERS.has(word));
}

/** File systems whose mount point in proc is an empty directory. */
const HARMLESS_IN_PROC = ["binfmt_misc", "autofs", "nfsd"];

/** What covers parts of a proc: such a one cannot be mounted anew in a user namespace. */
export function coveredProc(mounts: readonly Mount[]): string[] {
  return mounts.filter(({ target, type }) =>
    target.startsWith("/proc/") && !HARMLESS_IN_PROC.includes(type)
  ).map(({ target }) => target);
}

/** Where a path of a file system shows below a mount of it. */
export function below({ root, target }: Mount, path: string): string {
  const rest = root !== "/" && (path === root || path.startsWith(`${root}/`))
    ? path.slice(root.length)
    : path;
  return `${target}${rest}`;
}
