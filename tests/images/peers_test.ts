/**
 * Archives that other programs write, in each of their formats: what is unpacked
 * must be what they packed.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { PYTHON, run } from "./_programs.ts";
import { type Tree, treeOf } from "./_tree.ts";
import { inDirectory, unpack } from "./_unpack.ts";

/** A tree that every format can hold. */
const PLAIN = `
import os, sys
os.chdir(sys.argv[1])
os.umask(0)
os.makedirs("d/e", 0o755)
open("d/file", "w").write("content")
open("empty", "w").close()
open("large", "wb").write(bytes(range(256)) * 5000)
os.chmod("d/file", 0o4711); os.chown("d/file", 10, 20); os.chmod("d/file", 0o4711)
os.link("d/file", "linked"); os.link("d/file", "d/e/linked")
os.symlink("../d/./file", "d/soft"); os.symlink("/etc/passwd", "absolute")
os.mkfifo("pipe", 0o640)
os.mknod("null", 0o020666, os.makedev(1, 3)); os.mknod("sda", 0o060660, os.makedev(8, 1))
os.mkdir("sticky", 0o1777); os.chown("sticky", 0, 5); os.chmod("sticky", 0o3777)
open(b"l\\xc3\\xa4tin", "w").write("utf-8")
for top, directories, files in os.walk("."):
    for name in directories + files:
        os.utime(os.path.join(top, name), (1500000000, 1500000000), follow_symlinks=False)
os.utime(".", (1400000000, 1400000000))
`;

/** Long names and owners, for formats newer than V7. */
const LONG = `
import os, sys
os.chdir(sys.argv[1])
os.makedirs("/".join(["long-directory-name"] * 12))
open("/".join(["long-directory-name"] * 12) + "/" + "n" * 200, "w").write("long")
os.symlink("t" * 150, "link")
open("owner", "w").close(); os.chown("owner", 3000000, 4000000000)
os.link("/".join(["long-directory-name"] * 12) + "/" + "n" * 200, "linked")
for top, directories, files in os.walk("."):
    for name in directories + files:
        os.utime(os.path.join(top, name), (1500000000, 1500000000), follow_symlinks=False)
os.utime(".", (1400000000, 1400000000))
`;

/** What only pax can hold: nanoseconds and attributes. */
const RICH = `
import os, sys
os.chdir(sys.argv[1])
open("file", "w").write("1")
os.setxattr("file", "user.text", b"value"); os.setxattr("file", "user.bytes", b"\\0\\n=\\xff")
os.setxattr("file", "security.capability", bytes([1,0,0,2,0,4,0,0,0,0,0,0,0,0,0,0,0,0,0,0]))
os.mkdir("d"); os.setxattr("d", "user.on-directory", b"x")
os.utime("file", ns=(0, 1500000000_123456789)); os.utime("d", ns=(0, 1500000000_000000001))
os.utime(".", (1400000000, 1400000000))
`;

/** A file of many parts, of which four kilobytes each are not zeros. */
const HOLES = `
import os, sys
os.chdir(sys.argv[1])
with open("holes", "wb") as f:
    for part in range(40):
        f.seek(part * 300000 + 4096); f.write(bytes([part + 1]) * 4096)
    f.truncate(40 * 300000 + 77)
with open("hole", "wb") as f: f.truncate(1 << 20)
with open("end", "wb") as f: f.seek(1 << 20); f.write(b"end")
for name in ("holes", "hole", "end"): os.utime(name, (1500000000, 1500000000))
os.utime(".", (1400000000, 1400000000))
`;

type Make = (source: string, archive: string) => Promise<unknown>;

const gnuTar = (...flags: string[]): Make => (source, archive) =>
  run("tar", [...flags, "-C", source, "-cf", archive, "."]);

const bsdTar =
  (format: string, ...flags: string[]): Make => (source, archive) =>
    run("bsdtar", [
      ...["--format", format, ...flags, "-C", source, "-cf", archive, "."],
    ], { env: { LC_ALL: "C.UTF-8" } });

const python = (format: string): Make => (source, archive) =>
  run(PYTHON, [
    "-c",
    `import sys, tarfile
with tarfile.open(sys.argv[2], "w", format=tarfile.${format}) as t: t.add(sys.argv[1], ".")`,
    source,
    archive,
  ]);

const WRITERS: [name: string, make: Make, trees: string[]][] = [
  ["GNU tar, v7", gnuTar("--format=v7"), ["v7"]],
  ["GNU tar, oldgnu", gnuTar("--format=oldgnu"), [PLAIN, LONG]],
  ["GNU tar, gnu", gnuTar("--format=gnu"), [PLAIN, LONG]],
  ["GNU tar, ustar", gnuTar("--format=ustar"), [PLAIN]],
  [
    "GNU tar, pax",
    gnuTar("--format=posix", "--xattrs", "--xattrs-include=*"),
    [PLAIN, LONG, RICH],
  ],
  ["GNU tar, old sparse", gnuTar("--format=gnu", "--sparse"), [HOLES]],
  ...["0.0", "0.1", "1.0"].map((version): [string, Make, string[]] => [
    `GNU tar, sparse ${version}`,
    gnuTar("--format=posix", "--sparse", `--sparse-version=${version}`),
    [HOLES],
  ]),
  ["bsdtar, v7tar", bsdTar("v7tar"), ["v7"]],
  ["bsdtar, gnutar", bsdTar("gnutar"), [PLAIN, LONG]],
  ["bsdtar, ustar", bsdTar("ustar"), [PLAIN]],
  ["bsdtar, pax", bsdTar("pax", "--xattrs"), [PLAIN, LONG, RICH, HOLES]],
  ["python, GNU", python("GNU_FORMAT"), [PLAIN, LONG]],
  ["python, ustar", python("USTAR_FORMAT"), [PLAIN]],
  ["python, pax", python("PAX_FORMAT"), [PLAIN, LONG]],
];

const NAMES = new Map([
  [PLAIN, "files of every kind"],
  [LONG, "long names and large numbers"],
  [RICH, "nanoseconds and attributes"],
  [HOLES, "sparse files"],
  ["v7", "files and links"],
]);

/** V7 has no devices. */
const programOf = (tree: string) =>
  tree === "v7"
    ? PLAIN.split("\n").filter((line) => !/mkfifo|mknod/.test(line)).join("\n")
    : tree;

for (const [name, make, trees] of WRITERS) {
  Deno.test(`unpackLayer() reads what ${name} writes`, (test) =>
    inDirectory(async (temporary) => {
      for (const [index, tree] of trees.entries()) {
        await test.step(NAMES.get(tree)!, async () => {
          const source = join(temporary, `source-${index}`);
          await Deno.mkdir(source);
          await run(PYTHON, ["-c", programOf(tree), source]);
          const archive = join(temporary, "archive.tar");
          await make(source, archive);
          const into = join(temporary, `into-${index}`);
          await unpack(await Deno.readFile(archive), into);
          const isExact = tree === RICH || tree === HOLES;
          // These formats have whole seconds, and python's pax floating ones.
          const got = await treeOf(into, true);
          const want = await treeOf(source, true);
          assertEquals(
            isExact ? got : whole(got),
            isExact ? want : whole(want),
          );
          if (tree === HOLES) await areHoles(into);
        });
      }
    }));
}

const whole = (tree: Tree): Tree => ({
  ...tree,
  lines: tree.lines.map((line) => line.replace(/\d{9}$/, "")),
});

/** The holes take no place on the disk. */
async function areHoles(into: string): Promise<void> {
  const blocks = async (name: string) =>
    (await Deno.stat(join(into, name))).blocks! * 512;
  assertEquals(await blocks("holes") < 1_000_000, true);
  assertEquals(await blocks("hole") < 10_000, true);
}
