/** Unpacking layers, odd ones first: what comes out, and what is refused. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { gzipSync } from "node:zlib";
import { LayerError } from "../../images/layers/errors.ts";
import { finishLayer } from "../../images/layers/finish_layer.ts";
import { unpackLayer } from "../../images/layers/unpack_layer.ts";
import type { UnpackOptions } from "../../images/layers/unpack_options.ts";
import { ODD_LAYERS, type OddLayer } from "./_odd_layers.ts";
import { treesOf } from "./_tree.ts";

async function* pieces(bytes: Uint8Array, length: number) {
  for (let at = 0; at < bytes.length; at += length) {
    await Promise.resolve();
    yield bytes.subarray(at, at + length);
  }
}

/** Unpacks and finishes a layer without others below it. */
async function unpack(
  bytes: Uint8Array,
  into: string,
  options: Partial<UnpackOptions> = {},
  piece = 1 << 16,
) {
  const unpacked = await unpackLayer(pieces(bytes, piece), {
    into,
    maxUnpacked: 1 << 30,
    ...options,
  });
  try {
    finishLayer({ layer: into, unfinished: unpacked.unfinished, lowers: [] });
  } catch (error) {
    await Deno.remove(into, { recursive: true });
    throw error;
  }
  return unpacked;
}

const isThere = (path: string) => {
  try {
    return !!Deno.lstatSync(path);
  } catch {
    return false;
  }
};

for (const piece of [1 << 16, 333]) {
  Deno.test(`unpackLayer() copes with odd layers in pieces of ${piece}`, async (test) => {
    const directory = await Deno.makeTempDir();
    try {
      const made: [OddLayer, string][] = [];
      for (const [index, odd] of ODD_LAYERS.entries()) {
        await test.step(odd.title, async () => {
          const into = join(directory, String(index));
          const { layer, maxUnpacked = 1 << 30, refused, hidesAll } = odd;
          // Every second one is compressed.
          const bytes = index % 2 ? new Uint8Array(gzipSync(layer)) : layer;
          if (refused === undefined) {
            const result = await unpack(bytes, into, { maxUnpacked }, piece);
            assertEquals(result.hidesAll, hidesAll ?? false);
            assertEquals(result.archiveSize, layer.length);
            assertEquals(
              result.diffId,
              `sha256:${await sha256(layer)}`,
            );
            made.push([odd, into]);
            return;
          }
          const error = await assertRejects(
            () => unpack(bytes, into, { maxUnpacked }, piece),
            LayerError,
            refused,
          );
          assertMatch((error as LayerError).hint ?? "", /\.$/);
          assertEquals(isThere(into), false);
        });
      }
      const trees = await treesOf(made.map(([, into]) => into));
      for (const [index, [{ title, tree }]] of made.entries()) {
        await test.step(`the tree of ${title}`, () => {
          const { lines } = trees[index]!;
          const want = tree!.map((line) => line.replaceAll("\0", "\\x00"));
          assertEquals(
            lines.map((line) => line.replaceAll("\0", "\\x00")),
            want,
          );
        });
      }
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
