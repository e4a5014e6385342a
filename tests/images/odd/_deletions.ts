/** Odd deletions, and those that delete nothing. */

import type { OddLayer } from "./_layer.ts";
import { directory, file, hardLink, symlink, tar } from "../_tar.ts";

/** What a layer deletes of the layers below. */
export const ODD_DELETIONS: OddLayer[] = [
  {
    title: "deletions of files",
    layer: tar(directory("a"), file("a/.wh.b", ""), file(".wh.c", "")),
    below: tar(directory("a"), file("a/b", ""), file("c", "")),
    tree: ["d 755 a", "w - a/b", "w - c"],
  },
  {
    title: "an opaque directory, before and after its entry",
    layer: tar(
      file("a/.wh..wh..opq", ""),
      directory("a", { mode: 0o700 }),
      directory("b"),
      file("b/x", "1"),
      file("b/.wh..wh..opq", ""),
    ),
    tree: ["d 700 opaque a", "d 755 opaque b", "f 644 b/x=1"],
  },
  {
    title: "an opaque root",
    layer: tar(file(".wh..wh..opq", ""), file("a", "1")),
    tree: ["f 644 a=1"],
    hidesAll: true,
  },
  {
    title: "a deletion and a file of the same name, in both orders",
    layer: tar(
      file(".wh.a", ""),
      file("a", "1"),
      file("b", "2"),
      file(".wh.b", ""),
    ),
    tree: ["f 644 a=1", "f 644 b=2"],
  },
  {
    title: "a deletion and a directory of the same name, in both orders",
    layer: tar(
      file(".wh.a", ""),
      directory("a"),
      directory("b"),
      file("b/x", "1"),
      file(".wh.b", ""),
      file(".wh.c", ""),
      file("c/d", "2"),
    ),
    tree: [
      "d 755 opaque a",
      "d 755 opaque b",
      "f 644 b/x=1",
      "d 755 opaque c",
      "f 644 c/d=2",
    ],
  },
  ...[".wh.", ".wh..", "a/.wh..."].map((name) => ({
    title: `a deletion of a file without a name, ${name}`,
    layer: tar(file(name, "")),
    refused: "it deletes a file without a name",
  })),
  {
    title: "a file below a deletion",
    layer: tar(file(".wh.a/b", "1")),
    refused: '".wh.a/b": it is below a deleted file',
  },
  {
    title: "the record keeping of AUFS",
    layer: tar(
      directory(".wh..wh.plnk"),
      file(".wh..wh.plnk/123.456", "1"),
      file(".wh..wh.aufs", ""),
      file("a", "1"),
    ),
    tree: ["f 644 a=1"],
  },
  {
    title: "a hard link to what the layer deletes",
    layer: tar(file(".wh.a", ""), hardLink("b", "a")),
    refused: '"b": it is a link to "a", which the layer deletes',
  },
  {
    title: "deletions with data",
    layer: tar(file(".wh.a", "x".repeat(600)), file("b", "1")),
    below: tar(file("a", "")),
    tree: ["w - a", "f 644 b=1"],
  },
  {
    title: "deletions in directories that no layer below has",
    layer: tar(
      directory("a", { time: 77 }),
      file("a/.wh.b", ""),
      file("a/f", "1"),
      file(".wh.c", ""),
      file("x/y/.wh.z", ""),
      file("k/.wh.l", ""),
      file("k/m", "2"),
    ),
    // An overlay would list names in "a" and "k" that nothing is under.
    tree: ["d 755 a", "f 644 a/f=1", "d 755 k", "f 644 k/m=2"],
  },
  {
    title: "deletions in an opaque directory, and below it",
    layer: tar(
      directory("a"),
      file("a/.wh..wh..opq", ""),
      file("a/.wh.b", ""),
      file("a/c/.wh.d", ""),
      file("a/e/.wh.f", ""),
      directory("a/e"),
    ),
    below: tar(file("a/b", ""), file("a/c/d", ""), file("a/e/f", "")),
    tree: ["d 755 opaque a", "d 755 a/e"],
  },
  {
    title:
      "deletions in a directory that a link replaces, as umoci writes them",
    layer: tar(symlink("d", "/nowhere"), file("d/.wh.x", "")),
    below: tar(file("d/x", "")),
    tree: ["l - d -> /nowhere"],
  },
  {
    title: "a deletion below a link out of the root",
    layer: tar(symlink("e", "/etc"), file("e/.wh.passwd", "")),
    below: tar(file("etc/passwd", "")),
    tree: ["l - e -> /etc", "d 755 etc", "w - etc/passwd"],
  },
];
