/** Unpacking layers, odd ones first: what comes out, and what is refused. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { gzipSync } from "node:zlib";
import { LayerError } from "../../images/tar/errors.ts";
import type { OddLayer } from "./odd/_layer.ts";
import { ODD_LAYERS } from "./odd/_layers.ts";
import { treesOf } from "./_tree.ts";
import { inDirectory, unpack } from "./_unpack.ts";

const isThere = (path: string) => {
  try {
    return !!Deno.lstatSync(path);
  } catch {
    return false;
  }
};

for (const piece of [1 << 16, 333]) {
  Deno.test(`unpackLayer() copes with odd layers in pieces of ${piece}`, (test) =>
    inDirectory(async (directory) => {
      const made: [OddLayer, string][] = [];
      for (const [index, odd] of ODD_LAYERS.entries()) {
        await test.step(odd.title, async () => {
          const into = join(directory, String(index));
          const { layer, maxUnpacked = 1 << 30, refused, hidesAll } = odd;
          const lowers = odd.below ? [join(directory, `${index}-below`)] : [];
          if (odd.below) await unpack(odd.below, lowers[0]!);
          const options = { maxUnpacked, piece, lowers };
          // Every second one is compressed.
          const bytes = index % 2 ? new Uint8Array(gzipSync(layer)) : layer;
          if (refused === undefined) {
            const result = await unpack(bytes, into, options);
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
            () => unpack(bytes, into, options),
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
    }));
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
