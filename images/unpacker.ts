/** Unpacks the layers of a pull, with the room that knows archives. */

import { finishLayer } from "./layers/finish_layer.ts";
import { unpackLayer } from "./layers/unpack_layer.ts";
import type { LayerUnpacker } from "./layer_work.ts";
import { unpackRights } from "./store/ids.ts";

/**
 * Keeps the owners and devices of a layer as far as the user namespace of this
 * process allows.
 */
export const UNPACKER: LayerUnpacker = {
  async unpack(source, options) {
    const { diffId, size, hidesAll, unfinished, lost } = await unpackLayer(
      source,
      { ...options, ...unpackRights() },
    );
    return {
      diffId,
      size,
      lostOwners: lost.owners,
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
