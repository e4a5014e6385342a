/**
 * The images that mounts of type `image` show. Only reads and decides; changes
 * nothing. Runs on the host, in the parent.
 */

import type { Facts } from "../../../plan/facts.ts";
import { isImageMount } from "../../../plan/mounts/image_mounts.ts";
import type { MountedImage } from "../../../plan/mounts/image_layers.ts";
import { SpecError, UsageError } from "../../../spec/errors.ts";
import type { Mount, Spec } from "../../../spec/types.ts";
import type { World } from "../../world/world.ts";
import type { ContainerOptions } from "../options.ts";
import type { Requester } from "../requester.ts";
import { subpathOf, withoutSubpath } from "./image_mount.ts";
import {
  type ImageRoot,
  overlayOf,
  type UsedImages,
  withOwners,
} from "./image_root.ts";

/** The mounts of a container, and the images among them. */
export interface SettledImages {
  /** The mounts, without the options that only images have. */
  mounts: Mount[];
  used: UsedImages;
  /** The facts, once the user namespace is known. */
  facts(spec: Spec): NonNullable<Facts["mountedImages"]>;
}

/** An image, and what a mount shows of it. */
type Shown =
  & { image: ImageRoot; destination: string }
  & Pick<MountedImage, "path" | "kind" | "writable">;

/**
 * Decides what the mounts of images show.
 *
 * @param request.id the container's
 * @throws {SpecError} for a path that an image does not have
 */
export async function settleImages(
  { mounts = [], images = {} }: ContainerOptions,
  request: { id: string },
  requester: Requester,
): Promise<SettledImages> {
  const shown: Shown[] = [];
  for (const mount of mounts.filter(isImageMount)) {
    shown.push(await show(mount, images, requester.world));
  }
  return {
    mounts: mounts.map((mount) => isImageMount(mount) ? plain(mount) : mount),
    used: usedBy(shown.map(({ image }) => image)),
    facts: (spec) =>
      Object.fromEntries(
        shown.map(({ image, destination, ...what }) => [
          destination,
          { layers: layersOf(image, spec, request, requester), ...what },
        ]),
      ),
  };
}

const plain = (mount: Mount): Mount => ({
  ...mount,
  options: withoutSubpath(mount.options ?? []),
});

async function show(
  mount: Mount,
  images: Readonly<Record<string, ImageRoot>>,
  world: World,
): Promise<Shown> {
  const { source = "", destination, options = [] } = mount;
  const image = Object.hasOwn(images, source) ? images[source] : undefined;
  if (!image) {
    throw new UsageError(
      `Cannot mount the image ${
        source || '""'
      } at ${destination}: it was not looked up`,
    );
  }
  const asked = subpathOf(options);
  const base = { image, destination, writable: options.includes("rw") };
  if (asked === undefined || image.missing !== undefined) {
    return { ...base, path: asked ?? null, kind: "directory" };
  }
  const place = await world.placeInLayers(image.layers, asked);
  if (!place) {
    throw new SpecError(
      `Cannot mount ${asked} of the image ${image.name}: there is no such file`,
      { hint: "The path starts at the root of the image." },
    );
  }
  return { ...base, ...place };
}

/** The overlay of an image, with the map of the container's user namespace. */
function layersOf(
  image: ImageRoot,
  spec: Spec,
  request: { id: string },
  requester: Requester,
): MountedImage["layers"] {
  const { mapped, ...rest } = withOwners(
    image,
    overlayOf(image, requester.world),
    spec,
    { id: request.id, action: "mount" },
    requester,
  );
  // All of the store is mapped: an overlay of one layer needs another directory.
  return {
    ...rest,
    ...mapped ? { mapped: { ...mapped, changes: image.store } } : {},
  };
}

function usedBy(images: readonly ImageRoot[]): UsedImages {
  const unique = [...new Map(images.map((image) => [image.name, image]))
    .values()];
  const store = unique[0]?.store ?? "";
  const missing = unique.find((image) => image.missing !== undefined);
  return {
    store,
    tops: unique.flatMap(({ layers }) => layers.slice(0, 1)),
    blobs: unique.flatMap(({ blobs }) => [...blobs]),
    chains: unique.flatMap(({ chains }) => [...chains]),
    empty: `${store}/empty`,
    ...missing
      ? { missing: { image: missing.name, what: missing.missing! } }
      : {},
  };
}
