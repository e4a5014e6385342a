/**
 * What a container has changed in its image, as a layer. Runs on the host, in
 * the command's process.
 */

import {
  type Change,
  changesOf as compare,
} from "../../images/layers/changes.ts";
import { mountPointsIn } from "../../images/layers/mount_points.ts";
import { packTree } from "../../images/layers/pack_tree.ts";
import { fromText } from "../../images/tar/byte_string.ts";
import { ContainerError } from "../../spec/errors.ts";
import { changesOf, type ImageRoot } from "../decide/images/image_root.ts";
import { nameOf } from "../store/status.ts";
import type { ContainerRecord } from "../store/store.ts";
import { kernelPlaces, mountPlaces } from "./files.ts";

/** Where a container's changes are. */
interface Place {
  image: ImageRoot;
  upper: string;
  ignored: Set<string>;
}

/**
 * The image of a container, and its changes.
 *
 * @param action for messages: `commit`
 * @throws {ContainerError} for a container without an image
 */
function placeOf(record: ContainerRecord, action: string): Place {
  const image = record.daily?.image;
  if (!image) {
    throw new ContainerError(
      `Cannot ${action} ${nameOf(record)}: it was not made from an image`,
      {
        hint:
          "Its files are its root filesystem; container export writes them as a tar file, which container import makes an image of.",
      },
    );
  }
  const upper = `${changesOf(image, record.id)}/upper`;
  try {
    Deno.statSync(upper);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new ContainerError(
      `Cannot ${action} ${nameOf(record)}: it has not been started yet`,
      { hint: "Start it first: container start.", cause },
    );
  }
  const places = [...kernelPlaces(record), ...mountPlaces(record)];
  return {
    image,
    upper,
    ignored: mountPointsIn(upper, image.layers, places.map(fromText)),
  };
}

/**
 * What a container has changed, in the order of the paths.
 *
 * @throws {ContainerError}
 */
export function changesIn(record: ContainerRecord): Change[] {
  const { image, upper, ignored } = placeOf(record, "compare");
  return compare(upper, image.layers, ignored);
}

/**
 * What a container has changed, as the tar file of a layer.
 *
 * @throws {ContainerError}
 */
export function layerOf(
  record: ContainerRecord,
): { image: ImageRoot; archive: Iterable<Uint8Array> } {
  const { image, upper, ignored } = placeOf(record, "commit");
  return {
    image,
    archive: packTree(upper, {
      overlay: true,
      placeholders: true,
      skips: (path) => ignored.has(path),
    }),
  };
}
