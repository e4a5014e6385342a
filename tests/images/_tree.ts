/** What is in a directory, as python sees it. */

import { PYTHON, run } from "./_programs.ts";

const PROGRAM = `
import hashlib, json, os, stat, sys
def text(value): return value.decode("utf-8", "backslashreplace")
def walk(top):
    lines = []
    seen = {}
    def one(path, shown):
        s = os.lstat(path)
        m = s.st_mode
        x = {}
        for name in os.listxattr(path, follow_symlinks=False):
            x[name] = os.getxattr(path, name, follow_symlinks=False)
        kind = stat.S_IFMT(m)
        mode = "%o" % stat.S_IMODE(m)
        more = ""
        if kind == stat.S_IFREG:
            letter = "f"
            with open(path, "rb") as f: content = f.read()
            more = "=" + (text(content) if len(content) <= 40 else hashlib.sha256(content).hexdigest())
        elif kind == stat.S_IFDIR: letter = "d"
        elif kind == stat.S_IFLNK:
            letter, mode = "l", "-"
            more = " -> " + text(os.readlink(path))
        elif kind == stat.S_IFIFO: letter = "p"
        elif kind == stat.S_IFSOCK: letter = "s"
        else:
            letter = "c" if kind == stat.S_IFCHR else "b"
            more = " %d:%d" % (os.major(s.st_rdev), os.minor(s.st_rdev))
            if more == " 0:0": letter, mode, more = "w", "-", ""
        line = [letter, mode]
        if s.st_uid or s.st_gid: line.append("%d:%d" % (s.st_uid, s.st_gid))
        if kind != stat.S_IFDIR and s.st_nlink > 1: line.append("x%d" % s.st_nlink)
        opaque = x.pop("user.overlay.opaque", None)
        if opaque: line.append("opaque" + ("" if opaque == b"y" else text(opaque)))
        line.append(shown + more)
        for name in sorted(x): line.append("{%s=%s}" % (name, text(x[name]) if name.startswith("user.") else x[name].hex()))
        if TIMES and letter != "w": line.append("@%d" % s.st_mtime_ns)
        lines.append(" ".join(line))
        if kind == stat.S_IFDIR:
            for name in sorted(os.listdir(path)):
                one(os.path.join(path, name), text(name) if shown == b"." else shown + "/" + text(name))
    s = os.lstat(top)
    for name in sorted(os.listdir(top)): one(os.path.join(top, name), text(name))
    one_root = "%o %d:%d" % (stat.S_IMODE(s.st_mode), s.st_uid, s.st_gid)
    return {"root": one_root, "time": s.st_mtime_ns, "lines": lines}
TIMES = sys.argv[1] == "times"
print(json.dumps([walk(os.fsencode(top)) for top in sys.argv[2:]]))
`;

/** A directory and everything in it. */
export interface Tree {
  /** The mode and the owner of the directory itself. */
  root: string;
  /** Its time in nanoseconds. */
  time: number;
  /**
   * A line for each file: type, mode, owner unless root, number of links, name,
   * content, attributes. "w" is a whiteout.
   */
  lines: string[];
}

/**
 * Lists directories.
 *
 * @param times with the times of modification
 * @param around a command that runs the listing, for example in a namespace
 */
export async function treesOf(
  directories: readonly string[],
  times = false,
  around: readonly string[] = [],
): Promise<Tree[]> {
  const flag = times ? "times" : "-";
  const listing = [PYTHON, "-c", PROGRAM, flag, ...directories];
  const [program, ...args] = [...around, ...listing];
  const stdout = await run(program!, args);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Lists one directory. */
export const treeOf = async (directory: string, times = false): Promise<Tree> =>
  (await treesOf([directory], times))[0]!;

/** The mount options that images are run with. */
export const OPTIONS = "userxattr,index=off,redirect_dir=nofollow";

/**
 * Lists layers, the top first, as an overlay shows them, mounted in a namespace
 * of its own.
 *
 * @param empty an empty directory if there is one layer, which is too few
 */
export async function overlayTree(
  layers: readonly string[],
  empty: string | null,
  times = false,
): Promise<Tree> {
  const lower = [...layers, ...(empty ? [empty] : [])].join(":");
  const script = `mount -t overlay overlay -o "$0" /mnt && exec "$@"`;
  const around = ["unshare", "--mount", "sh", "-c", script];
  around.push(`lowerdir=${lower},${OPTIONS}`);
  return (await treesOf(["/mnt"], times, around))[0]!;
}
