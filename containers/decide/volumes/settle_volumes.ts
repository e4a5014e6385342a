/**
 * The volumes among the mounts that are asked for: where they are, what an empty
 * one is filled with, and what has to stay in the store. Only reads and decides;
 * changes nothing. Runs on the host, in the parent.
 */

import type { Facts, VolumeFact } from "../../../plan/facts.ts";
import { SpecError } from "../../../spec/errors.ts";
import type { Mount } from "../../../spec/types.ts";
import type { World } from "../../world/world.ts";
import type { ContainerOptions } from "../options.ts";
import { orNull } from "../requester.ts";
import {
  isAnonymous,
  isVolume,
  nameOfVolume,
  storeOfVolume,
  volumeDirectory,
  VOLUMES,
} from "./volume_mounts.ts";

/** The mounts of a container, and what they need in the store. */
export interface SettledVolumes {
  /** The mounts; those of volumes are bind mounts. */
  mounts: Mount[];
  volumes: VolumeFact[];
  /** The names of the volumes. */
  names: string[];
}

/** The container that uses the volumes. */
interface User {
  id: string;
  record?: Facts["record"];
  /** It has a user namespace, and the caller may map the ids of mounts. */
  maps: boolean;
}

/** Words of a volume's mount that are no options of a bind mount. */
const OWN_WORD = /^(nocopy|anonymous|volume-(label|opt)=.*)$/s;

/** The pairs after a word: `volume-label=K=V`. */
const pairsOf = (options: readonly string[], word: string) =>
  Object.fromEntries(
    options.filter((option) => option.startsWith(`${word}=`)).map((option) => {
      const [key = "", value = ""] = option.slice(word.length + 1)
        .split(/=(.*)/s);
      return [key, value];
    }),
  );

/**
 * Decides where the volumes of a container are.
 *
 * @throws {SpecError} for a volume that cannot be used
 */
export function settleVolumes(
  { mounts = [] }: ContainerOptions,
  user: User,
  world: World,
): SettledVolumes {
  const settled: SettledVolumes = { mounts: [], volumes: [], names: [] };
  for (const mount of mounts) {
    if (!isVolume(mount)) {
      settled.mounts.push(mount);
      continue;
    }
    const { options = [], destination } = mount;
    const directory = volumeDirectory(mount, user.id);
    const store = storeOfVolume(mount);
    const name = nameOfVolume(directory);
    const given = pairsOf(options, "volume-opt");
    const driver = recordedOptions(directory, world) ?? given;
    const device = deviceOf(name, driver, world);
    const isFilled = !options.includes("nocopy") &&
      !world.access(`${store}/containers/${user.id}/uses.json`, "exists");
    settled.names.push(name);
    settled.volumes.push({
      directory,
      lock: `${store}/lock`,
      labels: pairsOf(options, "volume-label"),
      options: given,
      anonymous: isAnonymous(mount),
      place: isFilled ? destination : null,
      ...(device === null ? {} : { device }),
      ...(isAnonymous(mount) && !user.record &&
          mount.source?.endsWith(VOLUMES)
        ? { garbage: `${store}/work/volume-${name}` }
        : {}),
    });
    const words = options.filter((option) => !OWN_WORD.test(option));
    settled.mounts.push({
      destination,
      type: "bind",
      source: device ?? `${directory}/_data`,
      options: [
        ...words,
        // On disk the files have the owners that they have inside.
        ...(user.maps && !words.some((word) => /^r?idmap(=|$)/.test(word))
          ? ["idmap"]
          : []),
      ],
    });
  }
  return settled;
}

/** The options of the driver that a volume has; null if it does not exist. */
function recordedOptions(
  directory: string,
  world: World,
): Record<string, string> | null {
  const text = orNull(() => world.readText(`${directory}/volume.json`));
  return text === null ? null : JSON.parse(text).options ?? {};
}

/**
 * The directory that a volume of docker's local driver shows instead of its own.
 *
 * @throws {SpecError} if it is another file system, or does not exist
 */
function deviceOf(
  name: string,
  options: Record<string, string>,
  world: World,
): string | null {
  const { device } = options;
  if (device === undefined) return null;
  if (orNull(() => world.stat(device))?.type === "directory") return device;
  throw new SpecError(
    `Cannot use the volume ${name}: its device ${device} is not a directory here`,
    { hint: "Create the directory, or remove the volume." },
  );
}
