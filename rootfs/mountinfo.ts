/**
 * Which mounts are where, read from /proc/self/mountinfo: needed to place the
 * tree and to never remove across a mount.
 *
 * @module
 */

/** One line of mountinfo, as far as this room cares. */
export interface MountPoint {
  readonly path: string;
  readonly options: readonly string[];
}

/** Parses mountinfo (proc_pid_mountinfo(5)). Lines it cannot read are left out. */
export function parseMountinfo(text: string): MountPoint[] {
  const mounts: MountPoint[] = [];
  for (const line of text.split("\n")) {
    const [, , , , path, options] = line.split(" ");
    if (path === undefined || options === undefined) continue;
    mounts.push({ path: unescape(path), options: options.split(",") });
  }
  return mounts;
}

/** The mount a real, absolute path lies on: the longest prefix, latest first. */
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

/** The mounts at or below a real, absolute path. */
export function mountsWithin(
  path: string,
  mounts: readonly MountPoint[],
): MountPoint[] {
  return mounts.filter((mount) => isWithin(mount.path, path));
}

/** The mounts of this process. */
export function readMounts(): MountPoint[] {
  return parseMountinfo(Deno.readTextFileSync("/proc/self/mountinfo"));
}

function isWithin(path: string, ancestor: string): boolean {
  return path === ancestor ||
    path.startsWith(ancestor === "/" ? "/" : ancestor + "/");
}

/** Space, tab, newline and backslash come as octal escapes, byte by byte. */
function unescape(text: string): string {
  return text.replace(
    /\\([0-7]{3})/g,
    (_, octal: string) => String.fromCharCode(parseInt(octal, 8)),
  );
}
