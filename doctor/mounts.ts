/** Parses the mount table and the cgroup mounts in it. Pure. */

/** A line of /proc/self/mountinfo. */
export interface Mount {
  root: string;
  target: string;
  options: string[];
  /** Member of a peer group: mounts made below it propagate to other mounts. */
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
  /** The content of its cgroup.controllers. */
  controllers: string[];
  /** This user may create cgroups in it and move processes into them. */
  writable: boolean;
}

/** The cgroup mounts that this process sees. */
export interface CgroupFacts {
  v1: CgroupV1[];
  /** The root of the hierarchy; null if v2 is not mounted. */
  v2: CgroupV2 | null;
  /**
   * A cgroup delegated to this user, such as systemd's user@UID.service; null
   * if there is none.
   */
  delegated: CgroupV2 | null;
}

const unescape = (text: string) =>
  text.replace(
    /\\([0-7]{3})/g,
    (_, code: string) => String.fromCharCode(parseInt(code, 8)),
  );

/** Parses the mountinfo format of proc_pid_mountinfo(5). */
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

/** The mount that is visible at a path: the last one made there. */
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

/** The controllers of a cgroup v1 mount. systemd's own hierarchy has none. */
export function v1Controllers(mount: Mount): string[] {
  if (mount.type !== "cgroup") return [];
  return mount.superOptions.filter((word) => V1_CONTROLLERS.has(word));
}

/**
 * File systems that are mounted on an empty directory of proc and hide nothing.
 */
const HARMLESS_IN_PROC = ["binfmt_misc", "autofs", "nfsd"];

/**
 * The mounts that cover parts of /proc. While there are any, a user namespace
 * cannot mount a new proc.
 */
export function coveredProc(mounts: readonly Mount[]): string[] {
  return mounts.filter(({ target, type }) =>
    target.startsWith("/proc/") && !HARMLESS_IN_PROC.includes(type)
  ).map(({ target }) => target);
}

/** The path at which a mount shows a path of its file system. */
export function below({ root, target }: Mount, path: string): string {
  const rest = root !== "/" && (path === root || path.startsWith(`${root}/`))
    ? path.slice(root.length)
    : path;
  return `${target}${rest}`;
}
