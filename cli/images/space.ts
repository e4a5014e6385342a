/**
 * The space that images, containers and volumes take on the disk, as du(1)
 * counts it. Runs on the host, in the command's process.
 */

import { look } from "../../containers/daily/view.ts";
import { lookAtContainers } from "../../images/store/containers.ts";
import { diskUsage } from "../../images/store/disk_usage.ts";
import {
  blobFile,
  layerDirectory,
  namesIn,
} from "../../images/store/places.ts";
import type { ImageStore, StoredImage } from "../../images/store/store.ts";
import { volumesOf } from "../../images/store/volumes.ts";
import { shownCommand } from "../daily/table.ts";
import { statusText } from "../daily/ps.ts";
import { globals } from "../oci/global.ts";
import { usersOfImages } from "./conflicts.ts";
import { ageOf, namesOf } from "./images.ts";

/** An image, under all its names. */
export interface ImageSpace {
  id: string;
  names: { repository: string; tag: string }[];
  created: string;
  /** What other images need as well. */
  shared: number;
  unique: number;
  /** How many containers use it. */
  containers: number;
}

/** A container, and its changes. */
export interface ContainerSpace {
  id: string;
  name: string;
  image: string;
  command: string;
  status: string;
  runs: boolean;
  /** How many volumes it uses. */
  volumes: number;
  size: number;
}

/** A volume. */
export interface VolumeSpace {
  name: string;
  /** How many containers use it. */
  links: number;
  size: number;
}

/** Everything in a store. */
export interface Space {
  images: ImageSpace[];
  containers: ContainerSpace[];
  volumes: VolumeSpace[];
  /** All images together. */
  imageSize: number;
  /** What belongs to images that no container uses. */
  freeImageSize: number;
  /** The whole store. */
  whole: number;
}

/** Measures a store. */
export function spaceOf(store: ImageStore): Space {
  const { path } = store;
  const { users, uses } = lookAtContainers(path);
  const used = usersOfImages(store);
  const seen = new Set<string>();
  const files = new Map<string, number>();
  for (const file of imageFiles(path)) files.set(file, diskUsage(file, seen));
  const images = Map.groupBy(store.images(), ({ id }) => id);
  const filesBy = new Map(
    [...images].map(([id, same]) => [
      id,
      new Set(same.flatMap((image) => filesOf(path, image))),
    ]),
  );
  const counts = new Map<string, number>();
  for (const own of filesBy.values()) {
    for (const file of own) counts.set(file, (counts.get(file) ?? 0) + 1);
  }
  const kept = new Set([
    ...uses.blobs.map((blob) => blobFile(path, blob)),
    ...uses.chains.map((chain) => layerDirectory(path, chain)),
    ...[...used.keys()].flatMap((id) => [...filesBy.get(id) ?? []]),
  ]);
  const total = (some: Iterable<[string, number]>) =>
    [...some].reduce((sum, [, size]) => sum + size, 0);
  const sizeOf = (own: Set<string>, isShared: boolean) =>
    [...own].filter((file) => (counts.get(file)! > 1) === isShared)
      .reduce((sum, file) => sum + (files.get(file) ?? 0), 0);
  return {
    images: [...images].map(([id, same]): ImageSpace => {
      const { running = [], stopped = [] } = used.get(id) ?? {};
      return {
        id: id.replace(/^sha256:/, ""),
        names: same.map(namesOf),
        created: ageOf(same[0]!.created),
        shared: sizeOf(filesBy.get(id)!, true),
        unique: sizeOf(filesBy.get(id)!, false),
        containers: running.length + stopped.length,
      };
    }),
    containers: containersOf(path, users, seen),
    volumes: volumesOf(store).map(({ name, users }) => ({
      name,
      links: users.length,
      size: diskUsage(`${path}/volumes/${name}`, seen),
    })),
    imageSize: total(files),
    freeImageSize: total([...files].filter(([file]) => !kept.has(file))),
    whole: diskUsage(path),
  };
}

/** All blobs and layers, those that only containers need included. */
const imageFiles = (path: string): string[] => [
  ...namesIn(`${path}/blobs`).flatMap((algorithm) =>
    namesIn(`${path}/blobs/${algorithm}`)
      .map((name) => `${path}/blobs/${algorithm}/${name}`)
  ),
  ...namesIn(`${path}/layers`).map((name) => `${path}/layers/${name}`),
];

/** The files and directories of an image. */
const filesOf = (
  path: string,
  { id, digest, blobs, chains }: StoredImage,
): string[] => [
  ...[id, digest, ...blobs].map((blob) => blobFile(path, blob)),
  ...chains.map((chain) => layerDirectory(path, chain)),
];

/** The containers of this state directory, and others that use the store. */
function containersOf(
  path: string,
  users: ReturnType<typeof lookAtContainers>["users"],
  seen: Set<string>,
): ContainerSpace[] {
  const { store } = globals();
  const volumes = new Map(users.map(({ id, volumes }) => [id, volumes.length]));
  const recorded = store.ids().filter((id) => store.peek(id)?.daily);
  return [...new Set([...recorded, ...volumes.keys()])].map((id) => {
    const view = look(store, id);
    const daily = view?.record.daily;
    const status = view?.status ?? "running";
    return {
      id,
      name: daily?.name ?? "",
      image: daily?.image?.name ?? view?.record.spec.root.path ?? "",
      command: view ? shownCommand(view.record.spec.process.args, 20) : "",
      status: view ? statusText(view) : "Up",
      runs: status !== "exited" && status !== "created",
      volumes: volumes.get(id) ?? 0,
      size: diskUsage(`${path}/containers/${id}`, seen),
    };
  });
}
