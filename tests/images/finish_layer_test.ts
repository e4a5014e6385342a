/**
 * Several layers: what a layer takes from those below, and that an overlay of
 * them is what umoci unpacks.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { LayerError } from "../../images/tar/errors.ts";
import { run } from "./_programs.ts";
import { directory, entry, file, hardLink, pax, symlink, tar } from "./_tar.ts";
import { overlayTree, treeOf, treesOf } from "./_tree.ts";
import { inDirectory, unpack, unpackChain } from "./_unpack.ts";

const BASE = tar(
  directory("./", { mode: 0o711, uid: 1, gid: 2, time: 900 }),
  pax({ mtime: "1000.000000007", "SCHILY.xattr.user.a": "1" }),
  directory("etc", { mode: 0o750, uid: 3, gid: 4 }),
  file("etc/passwd", "root", { time: 1001 }),
  directory("etc/deep", { mode: 0o2775, time: 1002 }),
  directory("etc/deep/er", { mode: 0o1777, time: 1003 }),
  pax({
    "SCHILY.xattr.security.capability": Uint8Array.of(
      ...[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0],
      ...[0, 0, 0, 0, 0, 0, 0, 0],
    ),
  }),
  file("etc/ping", "ping", { mode: 0o4755, uid: 7, time: 1004 }),
  symlink("etc/link", "passwd", { time: 1005 }),
  entry("etc/pipe", { type: "6", mode: 0o600, time: 1006 }),
  directory("gone", { mode: 0o700, time: 1007 }),
  file("gone/a", "a"),
  directory("usr/lib", { time: 1008 }),
  symlink("lib", "usr/lib", { time: 1009 }),
  file("usr/lib/one", "one", { time: 1010 }),
);

const MIDDLE = tar(
  file("etc/deep/er/new", "new", { time: 2000 }),
  file("etc/.wh.passwd", ""),
  file(".wh.gone", ""),
  file("gone/b", "b", { time: 2001 }),
  directory("usr/lib", { mode: 0o555, time: 2002 }),
);

Deno.test("finishLayer() takes missing parents from the layers below", () =>
  inDirectory(async (temporary) => {
    const layers = await unpackChain([BASE, MIDDLE], temporary);
    const [top] = await treesOf(layers, true);
    assertEquals(top, {
      root: "711 1:2",
      time: 900_000_000_000,
      lines: [
        "d 750 3:4 etc {user.a=1} @1000000000007",
        "d 2775 etc/deep @1002000000000",
        "d 1777 etc/deep/er @1003000000000",
        "f 644 etc/deep/er/new=new @2000000000000",
        "w - etc/passwd",
        // Its lower directory is deleted, so it is not asked.
        "d 755 opaque gone @2001000000000",
        "f 644 gone/b=b @2001000000000",
        // No entry describes it, here or below.
        "d 755 usr @1008000000000",
        "d 555 usr/lib @2002000000000",
      ],
    });
  }));

Deno.test("finishLayer() links to files of layers below", () =>
  inDirectory(async (temporary) => {
    const top = tar(
      hardLink("etc/suid", "etc/ping", { time: 3000 }),
      hardLink("again", "/etc/suid"),
      hardLink("uno", "lib/one"),
      hardLink("pipe", "etc/pipe"),
      hardLink("name", "etc/link"),
      file("replaced", "old"),
      hardLink("replaced", "usr/lib/one"),
      hardLink("kept", "usr/lib/one"),
      file("kept", "mine", { time: 3001 }),
    );
    const layers = await unpackChain([BASE, MIDDLE, top], temporary);
    const { lines } = await treeOf(layers[0]!, true);
    const capability =
      "{security.capability=0100000200040000000000000000000000000000}";
    assertEquals(lines, [
      `f 4755 7:0 x3 again=ping ${capability} @1004000000000`,
      "d 750 3:4 etc {user.a=1} @1000000000007",
      "l - x2 etc/link -> passwd @1005000000000",
      `f 4755 7:0 x3 etc/ping=ping ${capability} @1004000000000`,
      "p 600 x2 etc/pipe @1006000000000",
      `f 4755 7:0 x3 etc/suid=ping ${capability} @1004000000000`,
      "f 644 kept=mine @3001000000000",
      "l - x2 name -> passwd @1005000000000",
      "p 600 x2 pipe @1006000000000",
      "f 644 x3 replaced=one @1010000000000",
      "f 644 x3 uno=one @1010000000000",
      "d 755 usr @1008000000000",
      "d 555 usr/lib @2002000000000",
      "f 644 x3 usr/lib/one=one @1010000000000",
    ]);
  }));

Deno.test("finishLayer() refuses links to what is deleted or is a directory", () =>
  inDirectory(async (temporary) => {
    const lowers = await unpackChain([BASE, MIDDLE], temporary);
    for (
      const [target, cause] of [
        ["etc/passwd", '"etc/passwd", which does not exist'],
        ["gone/a", '"gone/a", which does not exist'],
        ["etc/nothing", '"etc/nothing", which does not exist'],
        ["etc/deep", "it is a hard link to a directory"],
      ] as const
    ) {
      const into = join(temporary, "refused");
      await assertRejects(
        () => unpack(tar(hardLink("h", target)), into, { lowers }),
        LayerError,
        cause,
      );
    }
  }));

const TOP = tar(
  hardLink("etc/suid", "etc/ping", { time: 3000 }),
  hardLink("uno", "usr/lib/one"),
  directory("etc/deep", { mode: 0o700, time: 3001 }),
  file("etc/deep/.wh..wh..opq", ""),
  file("etc/deep/only", "1", { time: 3002 }),
  file("lib/two", "2", { time: 3003 }),
);

Deno.test("an overlay of layers is what umoci unpacks", () =>
  inDirectory(async (temporary) => {
    const sources = [BASE, MIDDLE, TOP];
    const layers = await unpackChain(sources, temporary);
    const empty = join(temporary, "empty");
    await Deno.mkdir(empty);
    const ours = await overlayTree(layers, empty);

    const image = join(temporary, "image");
    await run("umoci", ["init", "--layout", image]);
    await run("umoci", ["new", "--image", `${image}:it`]);
    for (const [index, source] of sources.entries()) {
      const path = join(temporary, `${index}.tar`);
      await Deno.writeFile(path, source);
      await run("umoci", ["raw", "add-layer", "--image", `${image}:it`, path]);
    }
    const bundle = join(temporary, "bundle");
    await run("umoci", ["unpack", "--image", `${image}:it`, bundle]);
    const theirs = await treeOf(join(bundle, "rootfs"));
    // umoci unpacks onto one tree, where the entry goes through the link of a
    // layer below; docker and podman have a tree for each layer, as we do.
    const linked = (line: string) =>
      !/ (usr\/)?lib(\/two)?[ =]| lib$/.test(line);
    // An overlay does not show that two names are one file of a layer.
    const plain = (line: string) => line.replace(/ x\d /, " ");
    assertEquals(
      ours.lines.map(plain).filter(linked),
      theirs.lines.map(plain).filter(linked),
    );
  }));
