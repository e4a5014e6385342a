/** Unpacks the layers of a pull, with the room that knows archives. */

import { finishLayer } from "./layers/finish_layer.ts";
import { unpackLayer } from "./layers/unpack_layer.ts";
import type { LayerUnpacker } from "./layer_work.ts";

/** Keeps the owners and devices of a layer, which needs root. */
export const UNPACKER: LayerUnpacker = {
  async unpack(source, options) {
    const { diffId, size, hidesAll, unfinished } = await unpackLayer(source, {
      ...options,
      ...Deno.uid() === 0 ? {} : { owners: "own", devices: "placeholders" },
    });
    return {
      diffId,
      size,
      ...hidesAll ? { hidesAll } : {},
      finish: (below) =>
        finishLayer({
          layer: options.into,
          unfinished,
          lowers: below.toReversed(),
        }),
    };
  },
};
