/** Odd numbers, limits, and links that wait for other entries. */

import type { OddLayer } from "./_layer.ts";
import {
  base256,
  directory,
  entry,
  file,
  hardLink,
  joined,
  padded,
  pax,
  symlink,
  tar,
} from "../_tar.ts";

/** The header of an old sparse file of one region, and its size. */
const oldSparse = (size: bigint, offset: bigint, length: bigint) =>
  entry("a", {
    type: "S",
    magic: "gnu",
    data: "abcd",
    patch: (block) => {
      base256(block, 386, 12, offset);
      base256(block, 398, 12, length);
      base256(block, 483, 12, size);
    },
  });

/** What is odd because it is large, negative or too much. */
export const ODD_LIMITS: OddLayer[] = [
  // Sizes.
  {
    title: "an old sparse file",
    layer: tar(oldSparse(6n, 1n, 4n)),
    tree: ["f 644 a=\0abcd\0"],
  },
  {
    title: "an old sparse file of eight exabytes",
    layer: tar(oldSparse((1n << 63n) - 1n, 1n, 4n)),
    refused: "the size of an entry is wrong",
  },
  {
    title: "an old sparse file of more than a file system takes",
    layer: tar(oldSparse((1n << 53n) - 1n, 1n, 4n)),
    refused: "EFBIG",
  },
  {
    title: "a region of a sparse file far outside of it",
    layer: tar(oldSparse(6n, 1n << 52n, 4n)),
    refused: "its map of holes is malformed",
  },
  {
    title: "a region of a sparse file without an end",
    layer: tar(oldSparse((1n << 53n) - 1n, 1n, (1n << 63n) - 1n)),
    refused: "its map of holes is malformed",
  },
  {
    title: "a sparse file whose regions have fewer bytes than follow",
    layer: tar(oldSparse(6n, 1n, 3n)),
    refused: "its map of holes is malformed",
  },
  {
    title: "a sparse file of a negative size",
    layer: tar(oldSparse(-1n, 1n, 4n)),
    refused: "the size of an entry is wrong",
  },
  {
    title: "a map of more regions than fit into the memory",
    layer: tar(
      pax({
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": "3000",
        "GNU.sparse.name": "a",
      }),
      file("x", padded(new TextEncoder().encode("99999999999\n"))),
    ),
    refused: "its map of holes has more than",
  },
  {
    title: "a negative size",
    layer: tar(file("a", "1", {
      patch: (block) => base256(block, 124, 12, -512n),
    })),
    refused: "the size of an entry is wrong",
  },
  {
    title: "a size of a pax header that is no number",
    layer: tar(pax({ size: "-1" }), file("a", "1")),
    refused: "a number in an extended header is malformed",
  },
  {
    title: "a thousand times its size, compressed",
    layer: tar(file("zeros", new Uint8Array(4 << 20))),
    maxUnpacked: 1 << 20,
    refused: "more than 1048576 bytes without its compression",
  },

  // Times.
  {
    title: "times before 1970 and far from now",
    layer: tar(
      pax({ mtime: "-1.5" }),
      file("a", "1"),
      pax({ mtime: "999999999999" }),
      file("b", "2"),
      file("c", "3", {
        patch: (block) => base256(block, 136, 12, -5n),
      }),
    ),
    tree: ["f 644 a=1", "f 644 b=2", "f 644 c=3"],
  },
  {
    title: "a time that is none",
    layer: tar(pax({ mtime: "1e9" }), file("a", "1")),
    refused: "a number in an extended header is malformed",
  },
  {
    title: "a time of eight exaseconds",
    layer: tar(file("a", "1", {
      patch: (block) => base256(block, 136, 12, (1n << 63n) - 1n),
    })),
    refused: "a number in a header is malformed",
  },

  // Headers.
  {
    title: "an ID with a fraction",
    layer: tar(pax({ uid: "1.5" }), file("a", "1")),
    refused: "a number in an extended header is malformed",
  },
  {
    title: "two extended headers in a row, of which the last counts",
    layer: tar(pax({ path: "a" }), pax({ path: "b" }), file("x", "1")),
    tree: ["f 644 b=1"],
  },
  {
    title: "a pax header and a GNU header for one entry",
    layer: tar(
      pax({ path: "from-pax", uid: "5" }),
      entry("././@LongLink", { type: "L", data: "from-gnu\0", magic: "gnu" }),
      file("x", "1"),
    ),
    tree: ["f 644 5:0 from-gnu=1"],
  },
  {
    title: "global headers that fill the memory",
    layer: tar(
      ...Array.from(
        { length: 3 },
        (_, at) => pax({ [`comment${at}`]: "x".repeat(500_000) }, "g"),
      ),
      file("a", "1"),
    ),
    refused: "its global extended headers are too long",
  },

  // Attributes.
  {
    title: "an attribute whose name is too long",
    layer: tar(
      pax({ [`SCHILY.xattr.user.${"n".repeat(300)}`]: "1" }),
      file("a", "1"),
    ),
    refused: "its extended attributes are too large",
  },
  {
    title: "an attribute that is too large",
    layer: tar(
      pax({ "SCHILY.xattr.user.a": "x".repeat(70_000) }),
      file("a", "1"),
    ),
    refused: "its extended attributes are too large",
  },
  {
    title: "an attribute of a namespace that does not exist",
    layer: tar(pax({ "SCHILY.xattr.nobody.a": "1" }), file("a", "1")),
    tree: ["f 644 a=1"],
  },
  {
    title: "capabilities that are none",
    layer: tar(
      pax({ "SCHILY.xattr.security.capability": "x" }),
      file("a", "1"),
    ),
    refused: '"a": setxattr "security.capability": invalid argument (EINVAL)',
  },
  {
    title: "attributes of a link, which user attributes cannot be",
    layer: tar(
      pax({ "SCHILY.xattr.user.a": "1", "SCHILY.xattr.trusted.b": "2" }),
      symlink("l", "/etc/passwd"),
    ),
    tree: ["l - l -> /etc/passwd {trusted.b=32}"],
  },

  // Links.
  {
    title: "a link to more than the kernel takes",
    layer: tar(pax({ linkpath: "x".repeat(4096) }), symlink("l", "x")),
    refused: '"l": symlinkat: file name too long (ENAMETOOLONG)',
  },
  {
    title: "a link to nothing",
    layer: tar(symlink("l", "")),
    refused: '"l": it is a link to an empty name',
  },
  {
    title: "two hard links to each other, of which neither is a file",
    layer: tar(hardLink("a", "b"), hardLink("b", "a")),
    refused: "does not exist",
  },
  {
    title: "hard links through each other to a file of a layer below",
    layer: tar(hardLink("a", "b"), hardLink("b", "d/c")),
    below: tar(file("d/c", "1")),
    refused: '"a": it is a hard link to "b", which does not exist',
  },
  {
    title: "a hard link to a file of a layer below, and one to that link",
    layer: tar(hardLink("b", "d/c"), hardLink("a", "b")),
    below: tar(file("d/c", "1", { mode: 0o4711, uid: 3 })),
    tree: [
      "f 4711 3:0 x3 a=1",
      "f 4711 3:0 x3 b=1",
      "d 755 d",
      "f 4711 3:0 x3 d/c=1",
    ],
  },
  {
    title: "a hard link to a file that comes later",
    layer: tar(hardLink("a", "b"), file("b", "1")),
    tree: ["f 644 x2 a=1", "f 644 x2 b=1"],
  },
  {
    title: "a hard link to a file of which a later entry makes another",
    layer: tar(file("a", "1"), hardLink("b", "a"), file("a", "2")),
    tree: ["f 644 a=2", "f 644 b=1"],
  },
  {
    title: "a hard link to a file that a directory replaces",
    layer: tar(file("a", "1"), hardLink("b", "a"), directory("a")),
    tree: ["d 755 opaque a", "f 644 b=1"],
  },
  {
    title: "a hard link in place of the directory that has its target",
    layer: tar(directory("d"), file("d/f", "1"), hardLink("d", "d/f")),
    refused: '"d": ',
  },
  {
    title: "a hard link below a link, to a file below another",
    layer: tar(
      directory("real"),
      symlink("one", "real"),
      symlink("two", "/real"),
      file("one/f", "1"),
      hardLink("two/g", "one/f"),
    ),
    tree: [
      "l - one -> real",
      "d 755 real",
      "f 644 x2 real/f=1",
      "f 644 x2 real/g=1",
      "l - two -> /real",
    ],
  },

  // Devices.
  {
    title: "the device 0:0, which overlayfs takes for a deletion",
    layer: tar(entry("c", { type: "3" }), entry("b", { type: "4" })),
    below: tar(file("c", "1")),
    tree: ["w - b", "w - c"],
  },
  {
    title: "devices with numbers in base-256, and negative ones",
    layer: tar(entry("c", {
      type: "3",
      patch: (block) => base256(block, 329, 8, -1n),
    })),
    refused: "no device has the numbers -1:0",
  },
  {
    title: "a pipe and a device with data, which is none",
    layer: joined(tar(
      entry("p", { type: "6", size: 700 }),
      entry("c", { type: "3", size: 700, major: 1, minor: 3 }),
    )),
    tree: ["c 644 c 1:3", "p 644 p"],
  },
];
