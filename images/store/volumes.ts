/**
 * The volumes of a store: `volumes/NAME`, each with its data (`_data`) and its
 * record. Runs on the host, in the command's process.
 */

import {
  DATA,
  RECORD,
  recordVolume,
  type VolumeRecord,
} from "../../launch/host/make_volume.ts";
import { lookAtContainers, type StoreUser } from "./containers.ts";
import { diskUsage } from "./disk_usage.ts";
import { namesIn, statOrNull, storeError, textOrNull } from "./places.ts";
import type { ImageStore } from "./store.ts";
import { lockStore, Work } from "./work.ts";

/** A volume. */
export interface Volume extends VolumeRecord {
  name: string;
  /** The directory of its data. */
  mountpoint: string;
  /** The containers that use it, running or not. */
  users: StoreUser[];
}

const directoryOf = (store: string, name: string) => `${store}/volumes/${name}`;

function recordOf(store: string, name: string): VolumeRecord | null {
  const text = textOrNull(`${directoryOf(store, name)}/${RECORD}`);
  return text === null ? null : JSON.parse(text) as VolumeRecord;
}

/** All volumes, by name. What a killed command has left is none. */
export function volumesOf({ path }: ImageStore): Volume[] {
  const { users } = lookAtContainers(path);
  return namesIn(`${path}/volumes`).sort().flatMap((name) => {
    const record = recordOf(path, name);
    return record === null ? [] : [{
      ...record,
      name,
      mountpoint: `${directoryOf(path, name)}/${DATA}`,
      users: users.filter(({ volumes }) => volumes.includes(name)),
    }];
  });
}

/**
 * Makes a volume; one that exists stays as it is.
 *
 * @throws {ContainerError}
 */
export function createVolume(
  store: ImageStore,
  name: string,
  record: VolumeRecord,
): void {
  store.make();
  using _lock = lockStore(store.path);
  try {
    recordVolume(directoryOf(store.path, name), record);
  } catch (error) {
    throw storeError(store.path, error);
  }
}

/** What became of a volume that was to be removed. */
export type Removal =
  | { removed: true; bytes: number }
  /** It does not exist, or these containers use it. */
  | { removed: false; users: StoreUser[] | null };

/**
 * Removes a volume with its data, unless a container uses it.
 *
 * @param options.measure whether to measure the space that is free again
 * @throws {ContainerError}
 */
export function removeVolume(
  { path }: Pick<ImageStore, "path">,
  name: string,
  { measure = false } = {},
): Removal {
  const directory = directoryOf(path, name);
  if (statOrNull(directory) === null) return { removed: false, users: null };
  using work = Work.begin(path);
  const garbage = `${work.path}/volume`;
  {
    using _lock = lockStore(path);
    const users = lookAtContainers(path).users
      .filter(({ volumes }) => volumes.includes(name));
    if (users.length) return { removed: false, users };
    try {
      Deno.renameSync(directory, garbage);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) {
        return { removed: false, users: null };
      }
      throw storeError(path, error);
    }
  }
  return { removed: true, bytes: measure ? diskUsage(garbage) : 0 };
}

/** Removes what killed commands have left instead of volumes. */
export function sweepVolumes({ path }: ImageStore): void {
  const left = namesIn(`${path}/volumes`)
    .filter((name) => recordOf(path, name) === null);
  for (const name of left) {
    using _lock = lockStore(path);
    if (recordOf(path, name) !== null) continue;
    Deno.removeSync(directoryOf(path, name), { recursive: true });
  }
}
