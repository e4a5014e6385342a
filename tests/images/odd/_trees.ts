/** Odd links, files, deletions and sizes. */

import type { OddLayer } from "./_layer.ts";
import {
  base256,
  directory,
  END,
  entry,
  file,
  hardLink,
  joined,
  padded,
  pax,
  symlink,
  tar,
} from "../_tar.ts";

/** What is odd because of what other entries are. */
export const ODD_TREES: OddLayer[] = [
  // Links and their ways.
  {
    title: "a link out of the root",
    layer: tar(symlink("a", "../../etc")),
    refused: '"a": it is a link that leads out of the root',
  },
  {
    title: "links that stay inside, also absolute ones",
    layer: tar(
      directory("a"),
      symlink("a/b", "../c"),
      symlink("e", "/../../etc"),
    ),
    tree: ["d 755 a", "l - a/b -> ../c", "l - e -> /../../etc"],
  },
  {
    title: "a file below an absolute link, which stays in the root",
    layer: tar(symlink("e", "/../../etc"), file("e/passwd", "mine")),
    tree: ["l - e -> /../../etc", "d 755 etc", "f 644 etc/passwd=mine"].sort(
      (one, other) => one.split(" ")[2]! < other.split(" ")[2]! ? -1 : 1,
    ),
  },
  {
    title: "a file below a link to a directory of the layer",
    layer: tar(
      directory("usr/lib"),
      symlink("lib", "usr/lib"),
      file("lib/a", "1"),
    ),
    tree: [
      "l - lib -> usr/lib",
      "d 755 usr",
      "d 755 usr/lib",
      "f 644 usr/lib/a=1",
    ],
  },
  {
    title: "a file below a link to a directory that is missing",
    layer: tar(symlink("lib", "usr/lib"), file("lib/x/a", "1")),
    tree: [
      "l - lib -> usr/lib",
      "d 755 usr",
      "d 755 usr/lib",
      "d 755 usr/lib/x",
      "f 644 usr/lib/x/a=1",
    ],
  },
  {
    title: "links in a circle",
    layer: tar(symlink("a", "b"), symlink("b", "a"), file("a/c", "1")),
    refused: '"a/c": openat2: too many levels of symbolic links',
  },
  {
    title: "a directory that is replaced by a link half-way",
    layer: tar(
      directory("d"),
      file("d/old", "1"),
      symlink("d", "/etc"),
      file("d/passwd", "mine"),
    ),
    tree: ["l - d -> /etc", "d 755 etc", "f 644 etc/passwd=mine"],
  },
  {
    title: "a link that is replaced by a directory",
    layer: tar(
      symlink("d", "/etc"),
      file("d/a", "1"),
      directory("d"),
      file("d/b", "2"),
    ),
    tree: [
      "d 755 opaque d",
      "f 644 d/b=2",
      "d 755 etc",
      "f 644 etc/a=1",
    ],
  },
  {
    title: "a file below a file",
    layer: tar(file("a", "1"), file("a/b", "2")),
    refused: '"a/b": "a" is not a directory',
  },
  {
    title: "a file where a directory was",
    layer: tar(directory("a"), file("a/b/c", "1"), file("a", "2")),
    tree: ["f 644 a=2"],
  },
  {
    title: "two entries of one name",
    layer: tar(
      file("a", "first"),
      symlink("b", "a"),
      file("a", "2", { mode: 0o600 }),
      file("b", "3"),
    ),
    tree: ["f 600 a=2", "f 644 b=3"],
  },
  {
    title: "a directory twice, which keeps its files",
    layer: tar(
      directory("a"),
      file("a/b", "1"),
      directory("a", { mode: 0o700 }),
    ),
    tree: ["d 700 a", "f 644 a/b=1"],
  },
  {
    title: "hard links, also to links and devices",
    layer: tar(
      file("a", "1", { mode: 0o4755 }),
      hardLink("/b", "./a"),
      symlink("l", "a"),
      hardLink("m", "l"),
      hardLink("b", "a"),
    ),
    tree: [
      "f 4755 x2 a=1",
      "f 4755 x2 b=1",
      "l - x2 l -> a",
      "l - x2 m -> a",
    ],
  },
  {
    title: "a hard link to itself",
    layer: tar(file("a", "1"), hardLink("a", "a")),
    tree: ["f 644 a=1"],
  },
  {
    title: "a hard link to a directory",
    layer: tar(directory("d"), hardLink("a", "d")),
    refused: '"a": it is a hard link to a directory',
  },
  {
    title: "a hard link through a link out of the root",
    layer: tar(symlink("e", "/etc"), hardLink("a", "e/passwd")),
    refused: '"a": it is a hard link to "e/passwd", which does not exist',
  },
  {
    title: "a hard link to nothing",
    layer: tar(hardLink("a", "b")),
    refused: '"a": it is a hard link to "b", which does not exist',
  },

  // Modes, owners, attributes, devices.
  {
    title: "setuid bits, which a change of the owner would remove",
    layer: tar(
      file("a", "1", { mode: 0o6755, uid: 5, gid: 6 }),
      directory("d", { mode: 0o3777, gid: 50 }),
      file("d/f", "2", { mode: 0 }),
    ),
    tree: ["f 6755 5:6 a=1", "d 3777 0:50 d", "f 0 d/f=2"],
  },
  {
    title: "a setgid directory, which passes its group and the bit on",
    layer: tar(
      directory("d", { mode: 0o2755, gid: 50 }),
      directory("d/e", { mode: 0o700 }),
      file("d/f", "1"),
      symlink("d/l", "f"),
      file("d/missing/g", "2"),
    ),
    tree: [
      "d 2755 0:50 d",
      "d 700 d/e",
      "f 644 d/f=1",
      "l - d/l -> f",
      "d 755 d/missing",
      "f 644 d/missing/g=2",
    ],
  },
  {
    title: "devices and pipes",
    layer: tar(
      entry("c", { type: "3", major: 1, minor: 3, mode: 0o666 }),
      entry("b", { type: "4", major: 8, minor: 300, uid: 2 }),
      entry("p", { type: "6", mode: 0o622 }),
    ),
    tree: ["b 644 2:0 b 8:300", "c 666 c 1:3", "p 622 p"],
  },
  {
    title: "a device with numbers that the kernel has not",
    layer: tar(entry("c", { type: "3", major: 5000, minor: 3 })),
    refused: "no device has the numbers 5000:3",
  },
  {
    title: "attributes, of which overlayfs's own are dropped",
    layer: tar(
      pax({
        "SCHILY.xattr.user.one": "1",
        "SCHILY.xattr.user.zero": "",
        "SCHILY.xattr.user.binary": Uint8Array.of(61, 10, 0, 255),
        "SCHILY.xattr.trusted.overlay.redirect": "/etc",
        "SCHILY.xattr.user.overlay.redirect": "/etc",
        "SCHILY.xattr.user.overlay.overlay.opaque": "y",
        "SCHILY.xattr.security.selinux": "x",
        "SCHILY.xattr.user.container.node": "c 1 3",
      }),
      directory("d"),
      pax({ "LIBARCHIVE.xattr.user.a%3Db": "eA==" }),
      file("f", "1"),
    ),
    tree: [
      "d 755 d {user.binary==\n\\x00\\xff} {user.one=1} {user.zero=}",
      "f 644 f=1 {user.a=b=x}",
    ],
  },
  {
    title: "file capabilities",
    layer: tar(
      pax({
        "SCHILY.xattr.security.capability": Uint8Array.of(
          ...[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0],
          ...[0, 0, 0, 0, 0, 0, 0, 0],
        ),
      }),
      file("ping", "1", { mode: 0o755, uid: 3 }),
    ),
    tree: [
      "f 755 3:0 ping=1 {security.capability=0100000200040000000000000000000000000000}",
    ],
  },

  // Sizes.
  {
    title: "more than the limit",
    layer: tar(file("small", "1"), file("large", "x".repeat(100_000))),
    maxUnpacked: 50_000,
    refused: "more than 50000 bytes without its compression",
  },
  {
    title: "a file of eight exabytes",
    layer: tar(file("a", "1", {
      patch: (block) => base256(block, 124, 12, (1n << 63n) - 1n),
    })),
    refused: "the size of an entry is wrong",
  },
  {
    title: "a map of holes that goes backwards",
    layer: tar(
      pax({
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": "3000",
        "GNU.sparse.name": "a",
      }),
      file(
        "x",
        joined(
          padded(new TextEncoder().encode("2\n1000\n2\n500\n2\n")),
          new TextEncoder().encode("abcd"),
        ),
      ),
    ),
    refused: 'the entry "a" is wrong: its map of holes is malformed',
  },
  {
    title: "maps of holes of every version",
    layer: tar(
      pax({
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": "8",
        "GNU.sparse.name": "v1.0",
      }),
      file(
        "x",
        joined(
          padded(new TextEncoder().encode("2\n1\n2\n5\n1\n")),
          new TextEncoder().encode("abc"),
        ),
      ),
      pax({ "GNU.sparse.size": "6", "GNU.sparse.map": "0,1,2,2" }),
      file("v0.1", "abc"),
      pax({ "GNU.sparse.size": "4", "GNU.sparse.numblocks": "0" }),
      file("hole", ""),
    ),
    tree: [
      "f 644 hole=\0\0\0\0",
      "f 644 v0.1=a\0bc\0\0",
      "f 644 v1.0=\0ab\0\0c\0\0",
    ],
  },
  { title: "an archive that is only its end", layer: joined(END), tree: [] },
];
