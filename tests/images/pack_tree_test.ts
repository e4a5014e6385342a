/** Writing what a container changed as a layer, and listing it. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { changesOf } from "../../images/layers/changes.ts";
import { packTree } from "../../images/layers/pack_tree.ts";
import { LayerError } from "../../images/tar/errors.ts";
import { PYTHON, run } from "./_programs.ts";
import { directory, entry, file, joined, symlink, tar } from "./_tar.ts";
import { OPTIONS, overlayTree, treeOf } from "./_tree.ts";
import { inDirectory, unpack, unpackChain } from "./_unpack.ts";

const BASE = tar(
  directory("./", { time: 1000 }),
  directory("etc", { time: 1001 }),
  file("etc/passwd", "root", { time: 1002 }),
  file("etc/group", "root", { time: 1003 }),
  directory("etc/kept", { time: 1004 }),
  directory("etc/kept/deep", { time: 1004 }),
  file("etc/kept/deep/file", "1", { time: 1004 }),
  directory("gone", { time: 1005 }),
  file("gone/a", "a"),
  file("gone/b", "b"),
  directory("gone/sub"),
  file("gone/sub/x", "x"),
  symlink("link", "etc"),
  file("was-file", "1"),
  directory("was-directory"),
  file("was-directory/x", "x"),
  entry("null", { type: "3", major: 1, minor: 3, mode: 0o666 }),
);

const SECOND = tar(
  file("usr/bin/tool", "tool", { mode: 0o4755, uid: 5, time: 1006 }),
  file("etc/.wh.group", ""),
);

/** What the processes of a container do. */
const CHANGES = `
import os, sys
os.chdir(sys.argv[1])
os.umask(0o022)
os.unlink("etc/passwd")
open("etc/new", "w").write("new")
open("etc/kept/deep/file", "a").write("2")
for name in ("a", "b", "sub/x"): os.unlink("gone/" + name)
os.rmdir("gone/sub"); os.rmdir("gone")
os.mkdir("gone"); open("gone/b", "w").write("again"); open("gone/c", "w").write("c")
os.unlink("link"); os.symlink("/usr/bin/" + "t" * 120, "link")
os.unlink("was-file"); os.mkdir("was-file"); open("was-file/in", "w").write("in")
os.unlink("was-directory/x"); os.rmdir("was-directory"); open("was-directory", "w").write("file")
os.mkfifo("pipe", 0o620)
os.mknod("device", 0o600 | 0o060000, os.makedev(7, 300))
os.chmod("usr/bin/tool", 0o755); os.chown("usr/bin/tool", 1000, 70000)
os.link("etc/new", "etc/other"); os.link("etc/new", "another")
os.setxattr("etc/new", "user.one", b"1\\0\\n=")
open("ping", "w").write("ping")
os.setxattr("ping", "security.capability", bytes([1,0,0,2,0,4,0,0,0,0,0,0,0,0,0,0,0,0,0,0]))
os.makedirs("d/" + "long-name-" * 20 + "/" + "long-name-" * 20)
open("d/sp\\xe4t \\n", "w").write("umlaut")
open(b"d/\\xff", "w").write("no utf-8")
os.utime("d", ns=(1, 123456789_987654321))
import socket
socket.socket(socket.AF_UNIX).bind("socket")
`;

/** Mounts layers with an upper directory, and runs a python program there. */
async function change(
  layers: readonly string[],
  temporary: string,
  program = CHANGES,
): Promise<string> {
  const [upper, work] = ["upper", "work"].map((name) => join(temporary, name));
  await Deno.mkdir(upper!);
  await Deno.mkdir(work!);
  const options = `lowerdir=${
    layers.join(":")
  },upperdir=${upper},workdir=${work},${OPTIONS}`;
  const script = `mount -t overlay overlay -o "$0" /mnt && exec "$@"`;
  await run("unshare", [
    ...["--mount", "sh", "-c", script, options],
    ...[PYTHON, "-c", program, "/mnt"],
  ]);
  return upper!;
}

Deno.test("packTree() writes the changes of a container so that a layer has them", () =>
  inDirectory(async (temporary) => {
    const layers = await unpackChain([BASE, SECOND], temporary);
    const upper = await change(layers, temporary);
    const want = await overlayTree([upper, ...layers], null, true);
    const layer = joined(...packTree(upper, { overlay: true }));
    const into = join(temporary, "again");
    const unpacked = await unpack(layer, into, { lowers: layers });
    assertEquals(unpacked.unfinished, {
      implied: [],
      links: [],
      deletions: ["etc"],
    });
    const got = await overlayTree([into, ...layers], null, true);
    // docker leaves sockets out as well.
    assertEquals(got, {
      ...want,
      lines: want.lines.filter((line) => !line.startsWith("s ")),
    });
    // The overlay hides what a layer is made of.
    const plain = (await treeOf(into)).lines;
    assertEquals(plain.filter((line) => /^w|opaque/.test(line)), [
      "w - etc/passwd",
      "d 755 opaque gone",
      "d 755 opaque was-file",
    ]);
    assertEquals(plain.filter((line) => / x3 /.test(line)).length, 3);

    assertEquals(joined(...packTree(into, { overlay: true })), layer);
    const path = join(temporary, "layer.tar");
    await Deno.writeFile(path, layer);
    for (
      const [program, ...args] of [
        ["tar", "--list", "--verbose", "--file", path],
        ["bsdtar", "-tvf", path],
        [PYTHON, "-m", "tarfile", "-l", path],
      ] as [string, ...string[]][]
    ) {
      const list = new TextDecoder().decode(
        await run(program, args, {
          env: { LC_ALL: "C.UTF-8" },
        }),
      );
      assertEquals(
        list.trimEnd().split("\n").length,
        // One name contains a line break.
        plain.length + (program === PYTHON ? 4 : 3),
        list,
      );
    }
  }));

Deno.test("umoci unpacks what packTree() writes", () =>
  inDirectory(async (temporary) => {
    const layers = await unpackChain([BASE, SECOND], temporary);
    const upper = await change(layers, temporary);
    const want = await overlayTree([upper, ...layers], null);
    const image = join(temporary, "image");
    await run("umoci", ["init", "--layout", image]);
    await run("umoci", ["new", "--image", `${image}:it`]);
    const sources = [
      BASE,
      SECOND,
      joined(...packTree(upper, { overlay: true })),
    ];
    for (const [index, source] of sources.entries()) {
      const path = join(temporary, `${index}.tar`);
      await Deno.writeFile(path, source);
      await run("umoci", ["raw", "add-layer", "--image", `${image}:it`, path]);
    }
    const bundle = join(temporary, "bundle");
    await run("umoci", ["unpack", "--image", `${image}:it`, bundle]);
    const { lines } = await treeOf(join(bundle, "rootfs"));
    assertEquals(lines, want.lines.filter((line) => !line.startsWith("s ")));
  }));

Deno.test("packTree() writes the same bytes for the same content", () =>
  inDirectory(async (temporary) => {
    const [one, other] = ["one", "other"].map((name) => join(temporary, name));
    const names = ["b", "a", "c\xe9", "d"];
    for (
      const [into, order] of [[one!, names], [
        other!,
        names.toReversed(),
      ]] as const
    ) {
      await Deno.mkdir(into);
      for (const name of order) {
        await Deno.writeTextFile(join(into, name), name);
      }
      await Deno.link(join(into, "a"), join(into, "z"));
      for (const name of [...names, ""]) {
        await Deno.utime(join(into, name), 1, 1);
      }
    }
    const archive = joined(...packTree(one!));
    assertEquals(joined(...packTree(other!)), archive);
    await Deno.chmod(join(other!, "d"), 0o600);
    assertNotEquals(joined(...packTree(other!)), archive);
  }));

Deno.test("packTree() writes large files without their zeros, wherever the holes are", () =>
  inDirectory(async (temporary) => {
    const MIB = 1 << 20;
    const size = 70 * MIB + 5;
    const sources = ["holes", "zeros"].map((name) => join(temporary, name));
    for (const source of sources) {
      await Deno.mkdir(source);
      using file = await Deno.open(join(source, "file"), {
        write: true,
        create: true,
      });
      if (source.endsWith("zeros")) {
        const zeros = new Uint8Array(MIB);
        for (let at = 0; at < 60; at++) await file.write(zeros);
      }
      await file.truncate(size);
      for (
        const at of [3 * MIB + 17, 3 * MIB + 200_000, 50 * MIB - 1, size - 1]
      ) {
        await file.seek(at, Deno.SeekMode.Start);
        await file.write(
          Uint8Array.of(1, 2).subarray(0, at === size - 1 ? 1 : 2),
        );
      }
      await Deno.utime(join(source, "file"), 1, 1);
      await Deno.utime(source, 1, 1);
    }
    const [archive, same] = sources.map((source) =>
      joined(...packTree(source))
    );
    assertEquals(archive, same);
    assertEquals(archive!.length < 2 * MIB, true);
    const hash = async (path: string) =>
      new TextDecoder().decode(await run("sha256sum", [join(path, "file")]))
        .split(" ")[0];
    const want = await hash(sources[0]!);
    const path = join(temporary, "archive.tar");
    await Deno.writeFile(path, archive!);
    for (
      const [index, act] of [
        (into: string) => unpack(archive!, into),
        (into: string) => run("tar", ["-xf", path, "-C", into]),
        (into: string) => run("bsdtar", ["-xf", path, "-C", into]),
        (into: string) => run(PYTHON, ["-m", "tarfile", "-e", path, into]),
      ].entries()
    ) {
      const into = join(temporary, String(index));
      if (index) await Deno.mkdir(into);
      await act(into);
      assertEquals(await hash(into), want);
      const { blocks } = await Deno.stat(join(into, "file"));
      assertEquals(blocks! * 512 < 2 * MIB, true);
    }
  }));

Deno.test("packTree() refuses a name that means a deletion", () =>
  inDirectory(async (temporary) => {
    const source = join(temporary, "source");
    await Deno.mkdir(source);
    await Deno.writeTextFile(join(source, ".wh.a"), "");
    const error = assertThrows(
      () => joined(...packTree(source, { overlay: true })),
      LayerError,
      '".wh.a" to a layer: its name means a deletion',
    );
    assertEquals(error.hint, "Rename or remove the file first.");
    // `export` writes no layer.
    assertEquals(joined(...packTree(source)).length > 0, true);
  }));

Deno.test("packTree() writes placeholders back as devices, if it is told so", () =>
  inDirectory(async (temporary) => {
    const layer = tar(
      directory("./"),
      entry("c", { type: "3", major: 1, minor: 3, mode: 0o666, uid: 2 }),
      entry("b", { type: "4", major: 8, minor: 300, mode: 0o660 }),
      entry("w", { type: "3", mode: 0o660 }),
    );
    const into = join(temporary, "layer");
    const { lost } = await unpack(layer, into, { devices: "placeholders" });
    assertEquals(lost, { devices: 2, owners: 0, attributes: 0 });
    assertEquals((await treeOf(into)).lines, [
      "f 660 b= {user.container.node=b 8 300}",
      "f 666 2:0 c= {user.container.node=c 1 3}",
      "w - w",
    ]);
    const again = join(temporary, "again");
    const options = { overlay: true, placeholders: true };
    await unpack(joined(...packTree(into, options)), again, {
      lowers: [into],
    });
    assertEquals((await treeOf(again)).lines, [
      "b 660 b 8:300",
      "c 666 2:0 c 1:3",
      "w - w",
    ]);
    // Without it a process of a container could make any device.
    const plain = join(temporary, "plain");
    await unpack(joined(...packTree(into)), plain);
    assertEquals((await treeOf(plain)).lines.slice(0, 2), [
      "f 660 b=",
      "f 666 2:0 c=",
    ]);
  }));

Deno.test("packTree() leads deep trees back by their own directories", () =>
  inDirectory(async (temporary) => {
    const base = tar(directory("./"));
    const layers = await unpackChain([base, base], temporary);
    const upper = await change(
      layers,
      temporary,
      `
import os, sys
os.chdir(sys.argv[1])
for at in range(200):
    open("z", "w").close()
    os.mkdir("m"); os.chdir("m")
`,
    );
    const archive = joined(...packTree(upper, { overlay: true }));
    const into = join(temporary, "deep");
    const { entries } = await unpack(archive, into);
    assertEquals(entries, 401);
  }));

Deno.test("changesOf() lists what was added, changed and deleted", () =>
  inDirectory(async (temporary) => {
    const layers = await unpackChain([BASE, SECOND], temporary);
    const upper = await change(
      layers,
      temporary,
      `
import os, sys
os.chdir(sys.argv[1])
os.unlink("etc/passwd")
open("etc/group", "w").write("made again")
open("etc/kept/deep/file", "a").write("2")
for name in ("a", "b", "sub/x"): os.unlink("gone/" + name)
os.rmdir("gone/sub"); os.rmdir("gone")
os.mkdir("gone"); open("gone/b", "w").write("again"); open("gone/c", "w").close()
os.chmod("usr/bin/tool", 0o755)
os.makedirs("new/directory")
os.unlink("null")
os.unlink("was-file"); os.mkdir("was-file")
`,
    );
    assertEquals(
      changesOf(upper, layers).map(({ kind, path }) => `${kind} ${path}`),
      [
        "C /etc",
        "A /etc/group",
        "C /etc/kept/deep/file",
        "D /etc/passwd",
        "C /gone",
        "D /gone/a",
        "C /gone/b",
        "A /gone/c",
        "D /gone/sub",
        "A /new",
        "A /new/directory",
        "D /null",
        "C /usr/bin/tool",
        "C /was-file",
      ],
    );
  }));
