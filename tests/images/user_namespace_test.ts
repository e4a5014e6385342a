/** Unpacking in a user namespace, where devices and some attributes cannot be. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
// @ts-types="../../types/std_path.d.ts"
import { dirname, fromFileUrl, join } from "@std/path";
import type { Unpacked } from "../../images/layers/unpack_options.ts";
import { PYTHON, run } from "./_programs.ts";
import { directory, entry, file, pax, symlink, tar } from "./_tar.ts";
import { OPTIONS, treeOf, treesOf } from "./_tree.ts";
import { inDirectory, unpack } from "./_unpack.ts";

const ROOT = dirname(dirname(dirname(fromFileUrl(import.meta.url))));

/** Root may map any IDs, which newuidmap(1) would refuse. */
const ENTER = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
ready, go = os.pipe(), os.pipe()
parent = os.getpid()
child = os.fork()
if child == 0:
    os.read(ready[0], 1)
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/{parent}/{name}", "w") as f: f.write(f"0 0 {sys.argv[1]}")
    os.write(go[1], b"x"); os._exit(0)
# CLONE_NEWUSER and CLONE_NEWNS of sched.h
if libc.unshare(0x10000000 | 0x20000): sys.exit(os.strerror(ctypes.get_errno()))
os.write(ready[1], b"x"); os.read(go[0], 1); os.waitpid(child, 0)
os.execvp(sys.argv[2], sys.argv[2:])
`;

/** A namespace in which root has no rights outside; `most` IDs are mapped. */
const namespace = (most: number) => [PYTHON, "-c", ENTER, String(most)];

/** Unpacks in a user namespace. */
async function unpackThere(
  layer: Uint8Array,
  into: string,
  options: { owners?: "own"; devices?: "placeholders" } = {},
  most = 65536,
): Promise<Unpacked & { error?: string }> {
  const archive = `${into}.tar`;
  await Deno.writeFile(archive, layer);
  const [program, ...args] = namespace(most);
  const stdout = await run(program!, [
    ...args,
    ...[Deno.execPath(), "run", "--allow-all", "--no-check", "--config"],
    join(ROOT, "deno.json"),
    join(ROOT, "tests/images/_unpack_main.ts"),
    ...[archive, into, JSON.stringify(options)],
  ]);
  return JSON.parse(new TextDecoder().decode(stdout));
}

const CAPABILITY = Uint8Array.of(
  ...[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0],
  ...[0, 0, 0, 0, 0, 0, 0, 0],
);

const LAYER = tar(
  directory("./", { mode: 0o711 }),
  pax({ "SCHILY.xattr.user.a": "1", "SCHILY.xattr.trusted.b": "2" }),
  directory("d", { mode: 0o1777, uid: 7, gid: 8 }),
  file("d/.wh..wh..opq", ""),
  pax({ "SCHILY.xattr.security.capability": CAPABILITY }),
  file("d/ping", "ping", { mode: 0o4755, uid: 9 }),
  file(".wh.gone", ""),
  symlink("link", "d", { uid: 10 }),
  entry("null", { type: "3", major: 1, minor: 3, mode: 0o666 }),
  entry("pipe", { type: "6", uid: 11 }),
  file("last", "1", { uid: 65535, gid: 65535 }),
);

const TREE = [
  "d 1777 7:8 opaque d {user.a=1}",
  "f 4755 9:0 d/ping=ping {security.capability=0100000200040000000000000000000000000000}",
  "w - gone",
  "f 644 65535:65535 last=1",
  "l - 10:0 link -> d",
  "f 666 null= {user.container.node=c 1 3}",
  "p 644 11:0 pipe",
];

Deno.test("unpackLayer() keeps owners in a user namespace, and says what is lost", () =>
  inDirectory(async (temporary) => {
    const into = join(temporary, "layer");
    const { lost } = await unpackThere(LAYER, into, {
      devices: "placeholders",
    });
    assertEquals(lost, { devices: 1, owners: 0, attributes: 1 });
    assertEquals((await treeOf(into)).lines, TREE);

    const below = join(temporary, "below");
    await unpack(
      tar(directory("./"), file("gone", "1"), file("d/hidden", "2")),
      below,
    );
    const script = `mount -t overlay overlay -o "$0" /mnt && exec "$@"`;
    const [merged] = await treesOf(["/mnt"], false, [
      ...namespace(65536),
      ...["sh", "-c", script, `lowerdir=${into}:${below},${OPTIONS}`],
    ]);
    assertEquals(
      merged!.lines,
      TREE.filter((line) => line !== "w - gone")
        .map((line) => line.replace(" opaque", "")),
    );
  }));

Deno.test("unpackLayer() refuses devices in a user namespace, unless it is told what to do", () =>
  inDirectory(async (temporary) => {
    const into = join(temporary, "layer");
    const { error } = await unpackThere(LAYER, into);
    assertEquals(
      error?.startsWith(
        'Cannot unpack the entry "null": mknodat: operation not permitted (EPERM)',
      ),
      true,
      error,
    );
  }));

Deno.test("unpackLayer() names owners that are not mapped", () =>
  inDirectory(async (temporary) => {
    const into = join(temporary, "layer");
    const layer = tar(file("a", "1", { uid: 7 }), file("b", "2", { uid: 10 }));
    const { error } = await unpackThere(layer, into, {}, 10);
    assertEquals(
      error,
      'Cannot unpack the entry "b": its owner 10:0 is not one of your IDs. ' +
        "Add ranges to /etc/subuid and /etc/subgid with usermod.",
    );
  }));

Deno.test("unpackLayer() leaves all files to one ID, if it is told so", () =>
  inDirectory(async (temporary) => {
    const into = join(temporary, "layer");
    const options = { owners: "own", devices: "placeholders" } as const;
    const { lost } = await unpackThere(LAYER, into, options, 1);
    assertEquals(lost, { devices: 1, owners: 5, attributes: 1 });
    assertEquals(
      (await treeOf(into)).lines,
      TREE.map((line) => line.replace(/ \d+:\d+(?= )/, "")),
    );
  }));
