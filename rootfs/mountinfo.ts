/**
 * Reads the mounts from /proc/self/mountinfo. They decide where a tree can be
 * placed, and nothing is ever removed across a mount.
 *
 * @module
 */

/** The parts of a mountinfo line that are used here. */
export interface MountPoint {
  readonly path: string;
  readonly options: readonly string[];
}

/** Parses mountinfo, proc_pid_mountinfo(5). Malformed lines are skipped. */
export function parseMountinfo(text: string): MountPoint[] {
  const mounts: MountPoint[] = [];
  for (const line of text.split("\n")) {
    const [, , , , path, options] = line.split(" ");
    if (path === undefined || options === undefined) continue;
    mounts.push({ path: unescape(path), options: options.split(",") });
  }
  return mounts;
}

/**
 * The mount of an absolute path without links: the one with the longest prefix,
 * and the latest of several.
 */
export function mountOf(
  path: string,
  mounts: readonly MountPoint[],
): MountPoint | undefined {
  let found: MountPoint | undefined;
  for (const mount of mounts) {
    if (!isWithin(path, mount.path)) continue;
    if (found === undefined || mount.path.length >= found.path.length) {
      found = mount;
    }
  }
  return found;
}

/** The mounts at or below an absolute path without links. */
export function mountsWithin(
  path: string,
  mounts: readonly MountPoint[],
): MountPoint[] {
  return mounts.filter((mount) => isWithin(mount.path, path));
}

/** Reads the mounts that this process sees. */
export function readMounts(): MountPoint[] {
  return parseMountinfo(Deno.readTextFileSync("/proc/self/mountinfo"));
}

function isWithin(path: string, ancestor: string): boolean {
  return path === ancestor ||
    path.startsWith(ancestor === "/" ? "/" : ancestor + "/");
}

/** Decodes octal escapes, which stand for space, tab, newline and backslash. */
function unescape(text: string): string {
  return text.replace(
    /\\([0-7]{3})/g,
    (_, octal: string) => String.fromCharCode(parseInt(octal, 8)),
  );
}
