/** The steps that mount an image's layers, carried out by the real kernel. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
// @ts-types="../../types/std_path.d.ts"
import { dirname, fromFileUrl, join } from "@std/path";
import { makeUpper } from "../../images/layers/like_directory.ts";
import {
  type ImageLayers,
  mountLayers,
} from "../../plan/mounts/image_layers.ts";
import { directory, file, tar } from "./_tar.ts";
import { type Tree, treesOf } from "./_tree.ts";
import { inDirectory, unpackChain } from "./_unpack.ts";

const ROOT = dirname(dirname(dirname(fromFileUrl(import.meta.url))));

/** What the mount shows, in a namespace of its own. */
async function mounted(image: ImageLayers): Promise<Tree> {
  const [tree] = await treesOf(["/mnt"], false, [
    ...["unshare", "--mount"],
    ...[Deno.execPath(), "run", "--allow-all", "--no-check", "--config"],
    join(ROOT, "deno.json"),
    join(ROOT, "tests/images/_mount_main.ts"),
    ...[JSON.stringify(image), "/mnt"],
  ]);
  return tree!;
}

/** Makes the directories next to the layers. */
async function withChanges(
  temporary: string,
  layers: readonly string[],
): Promise<ImageLayers> {
  const [upper, work, empty] = ["up:per", "wo,rk", "em\\pty"]
    .map((name) => join(temporary, name));
  for (const path of [work, empty]) await Deno.mkdir(path!);
  makeUpper(upper!, layers);
  return {
    layers,
    changes: { upper: upper!, work: work! },
    empty: empty!,
    volatile: true,
    oneByOne: true,
  };
}

const LAYERS = [
  tar(directory("./"), file("a", "1"), file("d/b", "2"), file("d/c", "3")),
  tar(
    directory("./", { mode: 0o1711, gid: 5 }),
    file("d/.wh.b", ""),
    file("a", "4"),
  ),
];
const TREE = ["f 644 a=4", "d 755 d", "f 644 d/c=3"];

/** The ways that a kernel takes them. */
const WAYS: [name: string, changes: Partial<ImageLayers>][] = [
  ["one by one", {}],
  ["in one string", { oneByOne: false }],
  ["one by one, read-only", { changes: null }],
  ["in one string, read-only", { oneByOne: false, changes: null }],
];

for (const [way, changes] of WAYS) {
  Deno.test(`mountLayers() mounts layers ${way}, also in directories with odd names`, () =>
    inDirectory(async (temporary) => {
      const odd = join(temporary, "s:t,o\\re");
      await Deno.mkdir(odd);
      const layers = await unpackChain(LAYERS, odd);
      const image = await withChanges(odd, layers);
      const { root, lines } = await mounted({ ...image, ...changes });
      assertEquals(lines, TREE);
      assertEquals(root, "1711 0:5");
      if (changes.changes !== null) return;
      const one = { ...image, ...changes, layers: layers.slice(1) };
      assertEquals((await mounted(one)).lines, [
        "f 644 a=1",
        "d 755 d",
        "f 644 d/b=2",
        "f 644 d/c=3",
      ]);
    }));
}

/** Empty layers over one with a file, with names as long as a digest's. */
async function manyLayers(
  temporary: string,
  count: number,
): Promise<string[]> {
  const layers: string[] = [];
  for (let at = 0; at < count; at++) {
    const layer = join(temporary, String(at).padStart(64, "0"), "diff");
    await Deno.mkdir(layer, { recursive: true });
    layers.push(layer);
  }
  await Deno.writeTextFile(join(layers.at(-1)!, "file"), "at the bottom");
  return layers;
}

Deno.test("mountLayers() mounts as many layers as the kernel takes", () =>
  inDirectory(async (temporary) => {
    const layers = await manyLayers(temporary, 500);
    const image = await withChanges(temporary, layers);
    const { lines } = await mounted(image);
    assertEquals(lines, ["f 644 file=at the bottom"]);
  }));

Deno.test("mountLayers() mounts by short names what is too long for older kernels", () =>
  inDirectory(async (temporary) => {
    const layers = await manyLayers(temporary, 50);
    const image = {
      ...await withChanges(temporary, layers),
      oneByOne: false,
    };
    assertEquals(mountLayers(image, "/mnt")[0]?.step, "changeDirectory");
    assertEquals((await mounted(image)).lines, ["f 644 file=at the bottom"]);
  }));
