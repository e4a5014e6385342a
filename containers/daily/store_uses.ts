/**
 * What a container with a record has in the store of images: its changes, and
 * the volumes that were made for it. Runs on the host, in the command that
 * removes the container.
 */

import {
  isAnonymous,
  isVolume,
  nameOfVolume,
  storeOfVolume,
  volumeDirectory,
} from "../decide/volumes/volume_mounts.ts";
import { discard } from "../../launch/host/changes.ts";
import { dropVolume } from "../../launch/host/make_volume.ts";
import type { DailyRecord } from "../store/daily_record.ts";
import type { ContainerRecord } from "../store/store.ts";

/** The store that a container uses; null if it uses none. */
function storeOf({ image, options }: DailyRecord): string | null {
  const [mounted] = Object.values(options.images ?? {});
  if (image ?? mounted) return (image ?? mounted)!.store;
  const volume = options.mounts?.find(isVolume);
  return volume ? storeOfVolume(volume) : null;
}

/**
 * Removes what a container has in the store.
 *
 * @param options.volumes also its anonymous volumes, if no other container uses
 * them
 */
export function forgetUses(
  { id, uid, spec }: ContainerRecord,
  daily: DailyRecord,
  { volumes }: { volumes: boolean },
): void {
  const path = storeOf(daily);
  if (path === null) return;
  // A user's files have the IDs of the user namespace on the disk.
  const { uidMappings: uids = [], gidMappings: gids = [] } = spec.linux;
  const owners = uid === 0 || !uids.length
    ? {}
    : { owners: { uids, gids, helper: uids.length > 1 || gids.length > 1 } };
  discard({
    path: `${path}/containers/${id}`,
    into: `${path}/work/container-${id}`,
    ...owners,
  });
  if (!volumes) return;
  for (const mount of daily.options.mounts ?? []) {
    if (!isVolume(mount) || !isAnonymous(mount)) continue;
    dropVolume(path, nameOfVolume(volumeDirectory(mount, id)), owners);
  }
}

/**
 * Removes the layers of images that have lost their last name while a container
 * used them. They go with their last container.
 */
export async function collectImages(
  { image, options }: Pick<DailyRecord, "image" | "options">,
): Promise<void> {
  const all = [...image ? [image] : [], ...Object.values(options.images ?? {})];
  for (const { store, blobs, chains } of all) {
    const [manifest = ""] = blobs;
    if (isListed(store, manifest)) continue;
    const { collect } = await import("../../images/store/collect.ts");
    collect(store, { only: { blobs: [...blobs], chains: [...chains] } });
  }
}

/** Whether the index of a store has an image. */
function isListed(store: string, manifest: string): boolean {
  try {
    return Deno.readTextFileSync(`${store}/index.json`).includes(manifest);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}
