/**
 * An image as the root filesystem of a container: its layers, and a directory
 * in the store for what the container changes. Only reads and decides; changes
 * nothing. Runs on the host, in the parent.
 */

import type { Facts } from "../../../plan/facts.ts";
import { hasNamespace } from "../../../plan/namespaces.ts";
import type { StepOf } from "../../../plan/step.ts";
import type { UndoOperation } from "../../../plan/undo.ts";
import type { ImageRoot, StoreIds } from "./unpacked_image.ts";
export type { ImageRoot };
import { EXAMINED } from "../../../images/store/ready.ts";
import { SpecError } from "../../../spec/errors.ts";
import type { Spec } from "../../../spec/types.ts";
import type { LayeredFile, World } from "../../world/world.ts";
import type { ContainerOptions } from "../options.ts";
import type { Requester } from "../requester.ts";
import { automaticIds } from "../id_ranges.ts";
import {
  changedIds,
  foreignStore,
  isSameIds,
  mapsOfStore,
} from "./store_ids.ts";

/** What mounted images need in the store. */
export interface UsedImages {
  /** The directory of the store. */
  store: string;
  /** The directories of the top layers. */
  tops: string[];
  blobs: string[];
  chains: string[];
  /** The empty directory of the store. */
  empty: string;
  missing?: StepOf<"keepChanges">["missing"];
}

type Discard = Extract<UndoOperation, { undo: "discard" }>;

/** Linux 6.8 takes the layers of an overlay one by one. */
const ONE_BY_ONE = [6, 8] as const;

/** The directory of what a container changes. */
export const changesOf = ({ store }: ImageRoot, id: string): string =>
  `${store}/containers/${id}`;

/** What removes that directory with the container. */
export function discardOf(image: ImageRoot, id: string): Discard {
  const { store, ids } = image;
  return {
    undo: "discard",
    path: changesOf(image, id),
    into: `${store}/work/container-${id}`,
    ...(ids ? { owners: mapsOfStore(ids) } : {}),
  };
}

/** The overlay of a container's root filesystem. */
export function layersOf(
  image: ImageRoot,
  { id, record }: { id: string; record?: Facts["record"] },
  world: World,
): NonNullable<Facts["layers"]> {
  const directory = changesOf(image, id);
  return {
    ...overlayOf(image, world),
    changes: { upper: `${directory}/upper`, work: `${directory}/work` },
    // Without a record it is not started again.
    volatile: record === undefined,
  };
}

/** The overlay of an image that is read-only. */
export const overlayOf = (
  { name, store, layers }: ImageRoot,
  world: World,
): NonNullable<Facts["layers"]> => ({
  name,
  layers,
  changes: null,
  empty: `${store}/empty`,
  volatile: false,
  oneByOne: isSince(ONE_BY_ONE, world.kernelRelease()),
});

function isSince(
  [major, minor]: readonly [number, number],
  release: string,
): boolean {
  const [own = 0, next = 0] = release.split(/[.-]/).map(Number);
  return own > major || own === major && next >= minor;
}

/** The step that makes the directory for the changes. */
export function keepChanges(
  image: ImageRoot,
  { layers }: NonNullable<Facts["layers"]>,
  { id, record, volumes, mounted }: {
    id: string;
    record?: Facts["record"];
    volumes?: readonly string[];
    mounted?: UsedImages;
  },
): StepOf<"keepChanges"> {
  const path = changesOf(image, id);
  return {
    step: "keepChanges",
    directory: path,
    lock: `${image.store}/lock`,
    layers,
    blobs: [...image.blobs, ...mounted?.blobs ?? []],
    chains: [...image.chains, ...mounted?.chains ?? []],
    ...(image.missing === undefined
      ? mounted?.missing ? { missing: mounted.missing } : {}
      : { missing: { image: image.name, what: image.missing } }),
    ...(mounted ? { mounted: mounted.tops, empty: mounted.empty } : {}),
    ...(record ? { record: record.directory } : {}),
    ...(image.ids ? { owners: mapsOfStore(image.ids) } : {}),
    ...(volumes?.length ? { volumes } : {}),
    why: record
      ? "the container's changes stay until `container rm` removes it, and the image's layers as long"
      : "the container's changes are its own, and the image's layers stay while it runs",
    man: "mkdir(2), flock(2)",
    undo: record ? "kept" : [discardOf(image, id)],
  };
}

/** These files, as the container will find them, after its own changes. */
export async function examineLayers(
  { files }: ImageRoot,
  { layers, changes }: NonNullable<Facts["layers"]>,
  world: World,
): Promise<Readonly<Record<string, LayeredFile | null>>> {
  const upper = changes?.upper ?? "";
  const isChanged = world.access(upper, "exists");
  if (!isChanged && files) return files;
  const all = isChanged ? [upper, ...layers] : layers;
  return await world.filesInLayers(all, EXAMINED);
}

/**
 * The options of a container of an image. A user's container has all IDs of the
 * user by default, because one is not enough for most images.
 */
export function withAllIds(
  options: ContainerOptions,
  { caller }: Pick<Requester, "caller">,
): ContainerOptions {
  const { userNamespace, uidMap, gidMap } = options;
  const chooses = userNamespace !== undefined || uidMap?.length ||
    gidMap?.length;
  return caller.privileged || chooses
    ? options
    : { ...options, userNamespace: "auto" };
}

/** The owners in a mount can be mapped for the layers of an overlay. */
const MAPPED_SINCE = [5, 19] as const;

/**
 * The layers with the map of the container's user namespace, if it has one. A
 * user's layers have its owners on the disk already.
 *
 * @throws {SpecError} if the owners of the layers would be nobody inside
 */
export function withOwners(
  image: ImageRoot,
  layers: NonNullable<Facts["layers"]>,
  spec: Spec,
  { id, action = "run" }: { id: string; action?: "run" | "mount" },
  { caller, world }: Pick<Requester, "caller" | "world">,
): NonNullable<Facts["layers"]> {
  if (!hasNamespace(spec, "user")) return layers;
  const { name, store, ids } = image;
  const { uidMappings: uids = [], gidMappings: gids = [] } = spec.linux;
  if (caller.privileged) {
    const cannot = (cause: string, hint: string) =>
      new SpecError(
        `Cannot ${action} the image ${name} in a user namespace: ${cause}`,
        { hint },
      );
    if (caller.nested) {
      throw cannot(
        "only root of the host can map the owners of its layers",
        "Remove --userns, --uidmap and --gidmap.",
      );
    }
    if (!uids.length || !gids.length) {
      throw cannot(
        "the IDs of a namespace that exists already are not known",
        "Use --userns auto, or --uidmap and --gidmap.",
      );
    }
    if (!isSince(MAPPED_SINCE, world.kernelRelease())) {
      throw cannot(
        "this kernel cannot map the owners of layers",
        "Use Linux 5.19 or newer, or remove --userns, --uidmap and --gidmap.",
      );
    }
    const mapped = {
      layers: `${store}/layers`,
      changes: changesOf(image, id),
      uids,
      gids,
    };
    return { ...layers, mapped };
  }
  if (!ids) throw foreignStore(name, store);
  const asked: StoreIds = { uids, gids };
  if (isSameIds(ids, asked)) return layers;
  const now = automaticIds(caller, world);
  if (isSameIds(asked, now)) throw changedIds(store, ids, now);
  throw new SpecError(
    `Cannot ${action} the image ${name} with these IDs: its layers belong to all IDs that you have`,
    { hint: "Remove --userns, --uidmap and --gidmap." },
  );
}
