/** Unpacks layers for tests. */

// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { finishLayer } from "../../images/layers/finish_layer.ts";
import { unpackLayer } from "../../images/layers/unpack_layer.ts";
import type {
  Unpacked,
  UnpackOptions,
} from "../../images/layers/unpack_options.ts";

/** The bytes in pieces, as they come from a network. */
export async function* pieces(
  bytes: Uint8Array,
  length = 1 << 16,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) {
    await Promise.resolve();
    yield bytes.subarray(at, at + length);
  }
}

/** Unpacks one layer and finishes it. @param lowers the top first */
export async function unpack(
  bytes: Uint8Array,
  into: string,
  { piece, lowers = [], ...options }:
    & Partial<UnpackOptions>
    & { piece?: number; lowers?: readonly string[] } = {},
): Promise<Unpacked> {
  const unpacked = await unpackLayer(pieces(bytes, piece), {
    into,
    maxUnpacked: 1 << 30,
    ...options,
  });
  try {
    finishLayer({ layer: into, unfinished: unpacked.unfinished, lowers });
  } catch (error) {
    await Deno.remove(into, { recursive: true });
    throw error;
  }
  return unpacked;
}

/**
 * Unpacks a chain of layers, all at once, and finishes them in order. Returns
 * their directories, the top first.
 *
 * @param layers the lowest first
 */
export async function unpackChain(
  layers: readonly Uint8Array[],
  directory: string,
): Promise<string[]> {
  const unpacked = await Promise.all(layers.map(async (bytes, index) => {
    const layer = join(directory, `layer-${index}`);
    const options = { into: layer, maxUnpacked: 1 << 30 };
    const { unfinished } = await unpackLayer(pieces(bytes), options);
    return { layer, unfinished };
  }));
  const done: string[] = [];
  for (const { layer, unfinished } of unpacked) {
    finishLayer({ layer, unfinished, lowers: done });
    done.unshift(layer);
  }
  return done;
}

/** Runs with a directory that is removed afterwards. */
export async function inDirectory(
  act: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "layers-" });
  try {
    await act(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
