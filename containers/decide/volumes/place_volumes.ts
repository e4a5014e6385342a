/**
 * The volumes of a container: those that are asked for, those of another
 * container, and those of its image, each at its place in the store. Pure.
 */

import type { Mount } from "../../../spec/types.ts";
import { isVolume, VOLUMES } from "./volume_mounts.ts";

const plain = (path: string) => `/${path.split("/").filter(Boolean).join("/")}`;

/**
 * The mounts that are asked for, with those of other containers and the
 * anonymous volumes of the image, where nothing else is mounted.
 *
 * @param paths the volumes of the image
 * @param others mounts of other containers
 */
export function withImageVolumes(
  asked: readonly Mount[],
  paths: readonly string[],
  others: readonly Mount[] = [],
): Mount[] {
  const taken = new Set(asked.map(({ destination }) => plain(destination)));
  const shared = [
    ...new Map(others.map((mount) => [plain(mount.destination), mount]))
      .values(),
  ].filter(({ destination }) => !taken.has(plain(destination)));
  for (const { destination } of shared) taken.add(plain(destination));
  const own = [...new Set(paths.map(plain))]
    .filter((path) => path !== "/" && !taken.has(path))
    .map((destination): Mount => ({
      destination,
      type: "volume",
      source: "",
      options: ["rbind"],
    }));
  // A volume below another one is mounted after it.
  const before = [...own, ...shared].sort((one, other) =>
    one.destination.split("/").length - other.destination.split("/").length
  );
  return [...before, ...asked];
}

/** The same mounts; the sources of volumes are in the store. */
export const placedIn = (store: string, mounts: readonly Mount[]): Mount[] =>
  mounts.map((mount) =>
    !isVolume(mount) || mount.source?.startsWith("/") ? mount : {
      ...mount,
      source: `${store}${VOLUMES}${mount.source && `/${mount.source}`}`,
    }
  );
