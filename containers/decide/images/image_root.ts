/**
 * An image as the root filesystem of a container: its layers, and a directory
 * in the store for what the container changes. Only reads and decides; changes
 * nothing. Runs on the host, in the parent.
 */

import type { Facts } from "../../../plan/facts.ts";
import { hasNamespace } from "../../../plan/namespaces.ts";
import type { StepOf } from "../../../plan/step.ts";
import type { ContainerConfig } from "../../../images/spec/image_config.ts";
import { SpecError } from "../../../spec/errors.ts";
import type { Spec } from "../../../spec/types.ts";
import type { LayeredFile, World } from "../../world/world.ts";

/** An image of a store, whose layers are unpacked. */
export interface ImageRoot {
  /** Its name, for people. */
  name: string;
  /** The directory of the store. */
  store: string;
  /** The directories of its layers, the top first. */
  layers: readonly string[];
  /** The digests of everything that it needs in the store. */
  blobs: readonly string[];
  /** The chain IDs of its layers. */
  chains: readonly string[];
  /** The files of its layers on which decisions depend, if they are known. */
  files?: Readonly<Record<string, LayeredFile | null>>;
  /** What `inspect` shows of its configuration. */
  shown?: Pick<ContainerConfig, "ExposedPorts" | "Healthcheck">;
  /** What of it is not here: only for an explanation. */
  missing?: string;
  /** How many words of the command are those of --entrypoint, if it was given. */
  entrypoint?: number;
}

/** Linux 6.8 takes the layers of an overlay one by one. */
const ONE_BY_ONE = [6, 8] as const;

/** The directory of what a container changes. */
export const changesOf = ({ store }: ImageRoot, id: string): string =>
  `${store}/containers/${id}`;

/** Where that directory goes when the container is removed. */
export const garbageOf = ({ store }: ImageRoot, id: string): string =>
  `${store}/work/container-${id}`;

/** The overlay of a container's root filesystem. */
export function layersOf(
  image: ImageRoot,
  { id, record }: { id: string; record?: Facts["record"] },
  world: World,
): NonNullable<Facts["layers"]> {
  const directory = changesOf(image, id);
  return {
    name: image.name,
    layers: image.layers,
    changes: { upper: `${directory}/upper`, work: `${directory}/work` },
    empty: `${image.store}/empty`,
    // Without a record it is not started again.
    volatile: record === undefined,
    oneByOne: isSince(ONE_BY_ONE, world.kernelRelease()),
  };
}

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
  { id, record }: { id: string; record?: Facts["record"] },
): StepOf<"keepChanges"> {
  const path = changesOf(image, id);
  return {
    step: "keepChanges",
    directory: path,
    lock: `${image.store}/lock`,
    layers,
    blobs: image.blobs,
    chains: image.chains,
    ...(image.missing === undefined
      ? {}
      : { missing: { image: image.name, what: image.missing } }),
    ...(record ? { record: record.directory } : {}),
    why: record
      ? "the container's changes stay until `container rm` removes it, and the image's layers as long"
      : "the container's changes are its own, and the image's layers stay while it runs",
    man: "mkdir(2), flock(2)",
    undo: record
      ? "kept"
      : [{ undo: "discard", path, into: garbageOf(image, id) }],
  };
}

/** The files of an image that decisions depend on. */
export const EXAMINED: readonly string[] = [
  "/etc/passwd",
  "/etc/group",
  "/etc/hostname",
  "/etc/hosts",
  "/etc/resolv.conf",
];

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
 * Refuses a user namespace: the owners of the layers would be nobody in it.
 *
 * @throws {SpecError}
 */
export function refuseUserNamespace({ name }: ImageRoot, spec: Spec): void {
  if (!hasNamespace(spec, "user")) return;
  throw new SpecError(
    `Cannot run the image ${name} in a user namespace: this is not supported yet`,
    {
      hint:
        "Run as root without --userns, --uidmap and --gidmap, or use a directory with --rootfs.",
    },
  );
}
