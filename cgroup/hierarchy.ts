/**
 * Reads this machine's cgroup hierarchy: where each controller is mounted, its
 * version, and the cgroup of this process in it. Runs on the host, in the
 * parent; changes nothing.
 *
 * There are three layouts. v2 alone: one tree with every controller. v1: a tree
 * for each controller or a few of them. Hybrid: v1 trees and in addition a v2
 * tree with the controllers that no v1 tree uses, often none.
 *
 * @module
 */

import { AT_FDCWD } from "../ffi/fcntl.ts";
import { rawSyscall } from "../ffi/libc.ts";
import { cString } from "../ffi/memory.ts";

/** A mounted cgroup tree. */
export interface CgroupMount {
  version: 1 | 2;
  /** Its mountpoint. */
  path: string;
  /** Its controllers; `name=systemd` for a tree that only groups processes. */
  controllers: string[];
  /** The directory of this process. */
  own: string;
}

/** The cgroups of this machine as this process sees them. */
export interface Hierarchy {
  layout: "v1" | "v2" | "hybrid" | "none";
  mounts: CgroupMount[];
}

/** The state of a cgroup that is needed to plan a child of it. */
export interface CgroupLevel {
  /** We may make directories in it and write its files. */
  writable: boolean;
  /** We may move processes that are below it. */
  movable: boolean;
  /** v2: the controllers that it can enable for its children. */
  controllers: string[];
  /** v2: the controllers that it enables for its children. */
  enabled: string[];
  /** It contains processes itself. */
  populated: boolean;
  /** The root of the machine, which is exempt from some rules of v2. */
  root: boolean;
}

/** Reads a cgroup; returns null if it does not exist. */
export type ReadLevel = (path: string) => CgroupLevel | null;

/** How the files of a machine are read. */
export interface CgroupFiles {
  /** The text of a file. Throws if it cannot be read. */
  readText(path: string): string;
  /** access(2), which considers read-only mounts as well as permissions. */
  access(path: string, mode: "exists" | "write"): boolean;
}

const ACCESS = { exists: 0, write: 2 } as const;

/** The files of this machine. */
export const HOST_FILES: CgroupFiles = {
  readText: (path) => Deno.readTextFileSync(path),
  access: (path, mode) =>
    rawSyscall("faccessat", AT_FDCWD, cString(path), ACCESS[mode], 0) === 0,
};

/** Decodes the octal escapes of proc_pid_mountinfo(5). */
const unescape = (text: string) =>
  text.replace(
    /\\([0-7]{3})/g,
    (_, octal: string) => String.fromCharCode(parseInt(octal, 8)),
  );

/** Joins two paths with a single slash, and without a slash at the end. */
export const join = (directory: string, path: string): string =>
  `${directory.replace(/\/+$/, "")}/${path.replace(/^\/+|\/+$/g, "")}`
    .replace(/(?<=.)\/$/, "");

/**
 * Parses /proc/self/mountinfo and /proc/self/cgroup; pure.
 *
 * @param unified returns the controllers of a v2 tree, by its mountpoint
 */
export function parseHierarchy(
  mountinfo: string,
  cgroups: string,
  unified: (path: string) => string[],
): Hierarchy {
  const memberships = cgroups.split("\n").flatMap((line) => {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    return match
      ? [{ names: match[1]!.split(",").filter(Boolean), path: match[2]! }]
      : [];
  });
  const mounts: CgroupMount[] = [];
  for (const line of mountinfo.split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const [type, , options = ""] = right.split(" ");
    if (type !== "cgroup" && type !== "cgroup2") continue;
    const [root = "", path = ""] = left.split(" ").slice(3, 5).map(unescape);
    const version = type === "cgroup2" ? 2 : 1;
    const words = options.split(",");
    const membership = memberships.find(({ names }) =>
      version === 2
        ? names.length === 0
        : names.length > 0 && names.every((name) => words.includes(name))
    );
    if (!membership) continue;
    const controllers = version === 2 ? unified(path) : membership.names;
    // If a tree is mounted more than once, the first mount is used.
    if (
      mounts.some((mount) =>
        mount.version === version &&
        (version === 2 || mount.controllers.join() === controllers.join())
      )
    ) continue;
    mounts.push({
      version,
      path,
      controllers,
      own: ownDirectory(path, root, membership.path),
    });
  }
  const v1 = mounts.some((mount) =>
    mount.version === 1 &&
    mount.controllers.some((name) => !name.startsWith("name="))
  );
  const v2 = mounts.some((mount) => mount.version === 2);
  return { layout: v1 ? v2 ? "hybrid" : "v1" : v2 ? "v2" : "none", mounts };
}

/**
 * A mount may show only a part of the tree. If this process is outside that
 * part, the mountpoint is used.
 */
function ownDirectory(mount: string, root: string, own: string): string {
  if (own.startsWith("/..")) return mount;
  if (root === "/") return join(mount, own);
  if (own === root) return mount;
  if (own.startsWith(root + "/")) return join(mount, own.slice(root.length));
  return mount;
}

/** Reads the hierarchy of this process. */
export function readHierarchy(files = HOST_FILES): Hierarchy {
  return parseHierarchy(
    files.readText("/proc/self/mountinfo"),
    files.readText("/proc/self/cgroup"),
    (path) => readWords(`${path}/cgroup.controllers`, files) ?? [],
  );
}

/**
 * The mount that has a controller; `names` because v1's `blkio` is `io` on v2.
 */
export function mountOf(
  hierarchy: Hierarchy,
  names: { v1: string | null; v2: string | null },
): CgroupMount | undefined {
  return hierarchy.mounts.find(({ version, controllers }) => {
    const name = version === 1 ? names.v1 : names.v2;
    return name !== null && controllers.includes(name);
  });
}

/** Reads cgroups by these files. */
export const levelsIn = (files: CgroupFiles): ReadLevel => (path) =>
  files.access(`${path}/cgroup.procs`, "exists")
    ? new Level(path, files)
    : null;

/** Reads a cgroup of the host. */
export const readLevel: ReadLevel = levelsIn(HOST_FILES);

/**
 * Reads each value on demand: v1 has a dozen trees, and only a few values of
 * each level are needed.
 */
class Level implements CgroupLevel {
  constructor(readonly path: string, readonly files: CgroupFiles) {}

  get writable(): boolean {
    return this.files.access(this.path, "write");
  }

  get movable(): boolean {
    return this.files.access(`${this.path}/cgroup.procs`, "write");
  }

  get controllers(): string[] {
    return this.#words("controllers") ?? [];
  }

  get enabled(): string[] {
    return this.#words("subtree_control") ?? [];
  }

  get populated(): boolean {
    return this.#words("procs")?.length !== 0;
  }

  get root(): boolean {
    return !this.files.access(`${this.path}/cgroup.type`, "exists");
  }

  #words(name: string): string[] | null {
    return readWords(`${this.path}/cgroup.${name}`, this.files);
  }
}

/** The words of a file; null if it cannot be read. */
export function readWords(
  path: string,
  files: CgroupFiles = HOST_FILES,
): string[] | null {
  try {
    return files.readText(path).split(/\s+/).filter(Boolean);
  } catch {
    return null;
  }
}
