/** Odd names, headers and ends of archives. */

import type { OddLayer } from "./_layer.ts";
import {
  base256,
  directory,
  entry,
  file,
  gnuLong,
  hardLink,
  joined,
  pax,
  symlink,
  tar,
} from "../_tar.ts";

const LATIN1 = Uint8Array.of(0xe4, 0x66, 0xff);
const LONG = "n".repeat(255);
const DEEP = Array.from({ length: 30 }, (_, at) => `directory-${at}`).join("/");
const deepTree = DEEP.split("/").map((_, at, parts) =>
  `d 755 ${parts.slice(0, at + 1).join("/")}`
);
const octal = (block: Uint8Array, at: number, text: string) =>
  block.set(new TextEncoder().encode(text), at);
/** What is odd without regard to the tree. */
export const ODD_ARCHIVES: OddLayer[] = [
  // Names.
  { title: "an empty archive", layer: tar(), tree: [] },
  { title: "no bytes at all", layer: joined(), tree: [] },
  {
    title: "names with dots and slashes",
    layer: tar(
      directory("./"),
      directory("./a/"),
      file(".//a/./b", "1"),
      file("a/x/../c", "2"),
    ),
    tree: ["d 755 a", "f 644 a/b=1", "f 644 a/c=2"],
  },
  {
    title: "absolute names, taken from the root",
    layer: tar(directory("/a"), file("/a/b", "1"), file("//c", "2")),
    tree: ["d 755 a", "f 644 a/b=1", "f 644 c=2"],
  },
  {
    title: "a name above the root",
    layer: tar(file("a", "1"), file("../b", "2")),
    refused: '"../b": its name leads out of the root',
  },
  {
    title: "an absolute name above the root",
    layer: tar(file("/../b", "2")),
    refused: '"/../b": its name leads out of the root',
  },
  {
    title: "a name that climbs too far in the middle",
    layer: tar(directory("a"), file("a/../../b", "2")),
    refused: '"a/../../b": its name leads out of the root',
  },
  {
    title: "a directory above the root",
    layer: tar(directory("../")),
    refused: '"../": its name leads out of the root',
  },
  {
    title: "a hard link to a file above the root",
    layer: tar(hardLink("a", "../../etc/passwd")),
    refused: '"../../etc/passwd": its name leads out of the root',
  },
  {
    title: "a file as the root",
    layer: tar(file("./", "1")),
    refused: "the root of a layer is a directory",
  },
  {
    title: "a name without characters",
    layer: tar(symlink("", "a")),
    refused: "the root of a layer is a directory",
  },
  {
    title: "names that are not UTF-8",
    layer: tar(file(LATIN1, "1"), symlink("l", LATIN1)),
    tree: ["l - l -> \\xe4f\\xff", "f 644 \\xe4f\\xff=1"],
  },
  {
    title: "names with line breaks, spaces and control characters",
    layer: tar(file("a\nb", "1"), file(" ", "2"), file("\x1b[31m", "3")),
    tree: ["f 644 \x1b[31m=3", "f 644  =2", "f 644 a\nb=1"].sort(),
  },
  {
    title: "a name of 255 bytes, in a pax header",
    layer: tar(pax({ path: LONG }), file("x", "1")),
    tree: [`f 644 ${LONG}=1`],
  },
  {
    title: "a name of 256 bytes",
    layer: tar(pax({ path: `${LONG}n` }), file("x", "1")),
    refused: "file name too long (ENAMETOOLONG)",
  },
  {
    title: "a path that is longer than the kernel takes",
    layer: tar(pax({ path: "d/".repeat(3000) + "f" }), file("x", "1")),
    refused: "its name has 6001 bytes",
  },
  {
    title: "a long path in GNU headers, whose directories are missing",
    layer: tar(gnuLong("L", `${DEEP}/f`), file("x", "1", { magic: "gnu" })),
    tree: [...deepTree, `f 644 ${DEEP}/f=1`],
  },
  {
    title: "a long target of a link, in both formats",
    layer: tar(
      gnuLong("K", `/${DEEP}`),
      symlink("a", "x", { magic: "gnu" }),
      pax({ linkpath: `/${DEEP}` }),
      symlink("b", "x"),
    ),
    tree: [`l - a -> /${DEEP}`, `l - b -> /${DEEP}`],
  },
  {
    title: "a path in the prefix of a ustar header",
    layer: tar(file("b", "1", { prefix: "a" })),
    tree: ["d 755 a", "f 644 a/b=1"],
  },
  {
    title: "old GNU headers, which have times where ustar has a prefix",
    layer: tar(
      file("b", "1", { magic: "gnu", prefix: "13413714260\0" }),
    ),
    tree: ["f 644 b=1"],
  },
  {
    title: "V7 headers, where a slash makes a directory",
    layer: tar(
      entry("d/", { type: "\0", magic: "v7", mode: 0o700 }),
      entry("d/f", { type: "\0", magic: "v7", data: "1" }),
    ),
    tree: ["d 700 d", "f 644 d/f=1"],
  },
  {
    title: "a pax name with a NUL",
    layer: tar(pax({ path: "a\0b" }), file("x", "1")),
    refused: "its path contains a NUL byte",
  },

  // Headers.
  {
    title: "a global header, which later entries follow",
    layer: tar(
      pax({ comment: "made by git", uid: "7" }, "g"),
      file("a", "1"),
      pax({ uid: "8" }),
      file("b", "2"),
      pax({ uid: "" }),
      file("c", "3", { uid: 9 }),
    ),
    tree: ["f 644 7:0 a=1", "f 644 8:0 b=2", "f 644 9:0 c=3"],
  },
  {
    title: "large IDs in base-256 and in pax headers",
    layer: tar(
      file("a", "1", {
        patch: (block) => {
          base256(block, 108, 8, 4_000_000_000n);
          base256(block, 116, 8, 3_000_000_000n);
        },
      }),
      pax({ uid: "4294967294", gid: "100000" }),
      file("b", "2"),
    ),
    tree: [
      "f 644 4000000000:3000000000 a=1",
      "f 644 4294967294:100000 b=2",
    ],
  },
  {
    title: "an ID that means no change to the kernel",
    layer: tar(pax({ uid: "4294967295" }), file("a", "1")),
    refused: "no user can have the ID 4294967295:0",
  },
  {
    title: "a negative ID",
    layer: tar(
      file("a", "1", { patch: (block) => block.fill(0xff, 108, 116) }),
    ),
    refused: "no user can have the ID -1:0",
  },
  {
    title: "numbers with spaces, and without their NUL",
    layer: tar(
      file("a", "1", {
        patch: (block) => {
          octal(block, 100, "   755 \0");
          octal(block, 108, "00000012");
          octal(block, 124, "          1 ");
        },
      }),
    ),
    tree: ["f 755 10:0 a=1"],
  },
  {
    title: "a mode with the bits of the file type",
    layer: tar(file("a", "1", { mode: 0o100640 })),
    tree: ["f 640 a=1"],
  },
  {
    title: "a number that is none",
    layer: tar(
      file("a", "1", { patch: (block) => octal(block, 108, "12x45") }),
    ),
    refused: "a number in a header is malformed",
  },
  {
    title: "a checksum of signed characters",
    layer: tar(
      file(LATIN1, "1", {
        damage: (block) => {
          const sum = block.reduce(
            (sum, byte, at) =>
              sum + (at >= 148 && at < 156 ? 32 : byte << 24 >> 24),
            0,
          );
          octal(block, 148, sum.toString(8).padStart(6, "0") + "\0 ");
        },
      }),
    ),
    tree: ["f 644 \\xe4f\\xff=1"],
  },
  {
    title: "a wrong checksum",
    layer: tar(
      file("a", "1"),
      file("b", "2", { damage: (block) => block[0]!++ }),
    ),
    refused: 'after the entry "a": the checksum of a header is wrong',
  },
  {
    title: "something that is not an archive",
    layer: joined(new TextEncoder().encode("<html>".repeat(200))),
    refused: "it is not a tar file",
  },
  {
    title: "a pax header that is malformed",
    layer: tar(entry("x", { type: "x", data: "99 path=a\n" }), file("b", "")),
    refused: "an extended header (pax) is malformed",
  },
  {
    title: "an extended header of a gigabyte",
    layer: tar(entry("x", { type: "x", size: 1 << 30 })),
    refused: "an extended header is too long",
  },
  {
    title: "a pax size that is larger than what follows",
    layer: tar(pax({ size: "99999999" }), file("a", "1")),
    refused: 'it ends inside the entry "a"',
  },
  {
    title: "a volume label, and a type that nobody knows",
    layer: tar(entry("label", { type: "V", magic: "gnu" }), file("a", "1")),
    tree: ["f 644 a=1"],
  },
  {
    title: "a type that is not a file",
    layer: tar(file("a", "1"), entry("b", { type: "M" })),
    refused: '"b": its type "M" is not a kind of file',
  },
  {
    title: "directories and links with a size, but without data",
    layer: tar(
      directory("d", { size: 4096 }),
      symlink("l", "d", { size: 1 }),
      file("f", "1"),
      hardLink("h", "f", { size: 1 }),
    ),
    tree: ["d 755 d", "f 644 x2 f=1", "f 644 x2 h=1", "l - l -> d"],
  },
  {
    title: "a directory of GNU's incremental archives, with its list",
    layer: tar(
      entry("d/", { type: "D", magic: "gnu", mode: 0o755, data: "Yf\0\0" }),
      file("d/f", "1"),
    ),
    tree: ["d 755 d", "f 644 d/f=1"],
  },

  // The end.
  {
    title: "an archive without its end",
    layer: joined(file("a", "1")),
    tree: ["f 644 a=1"],
  },
  {
    title: "one block of zeros at the end",
    layer: joined(file("a", "1"), new Uint8Array(512)),
    tree: ["f 644 a=1"],
  },
  {
    title: "one block of zeros in the middle",
    layer: joined(file("a", "1"), new Uint8Array(512), file("b", "2")),
    refused: "a block of zeros is followed by data",
  },
  {
    title: "something after the end",
    layer: joined(tar(file("a", "1")), file("b", "2"), Uint8Array.of(1, 2, 3)),
    tree: ["f 644 a=1"],
  },
  {
    title: "a header that is cut",
    layer: joined(file("a", "1"), file("b", "2").subarray(0, 100)),
    refused: 'after the entry "a": it ends inside a header',
  },
  {
    title: "a file that is cut",
    layer: joined(file("a", "x".repeat(2000)).subarray(0, 1000)),
    refused: 'it ends inside the entry "a"',
  },
  {
    title: "padding that is cut",
    layer: joined(file("a", "1").subarray(0, 600)),
    refused: "it ends inside",
  },
  {
    title: "an extended header without its entry",
    layer: tar(pax({ path: "a" })),
    refused: "it ends after an extended header",
  },
];
