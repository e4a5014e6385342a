/**
 * Finds the volumes of a command line of `run` in the store, and the volumes of
 * other containers. Loaded only if there are some.
 */

import type { ImageRoot } from "../../containers/decide/images/image_root.ts";
import type { ContainerOptions } from "../../containers/decide/options.ts";
import {
  isAnonymous,
  isVolume,
  volumeDirectory,
} from "../../containers/decide/volumes/volume_mounts.ts";
import {
  placedIn,
  withImageVolumes,
} from "../../containers/decide/volumes/place_volumes.ts";
import { findContainer } from "../../containers/daily/names.ts";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Mount } from "../../spec/types.ts";
import type { Flags } from "../flags.ts";
import { openStore } from "../images/open_store.ts";
import { globals } from "../oci/global.ts";

/** What volumes are asked for. */
interface Wanted {
  flags: Flags;
  /** The image that is the root filesystem, and the paths of its volumes. */
  image?: ImageRoot;
  paths?: readonly string[];
}

/**
 * The options with the volumes of other containers, those of the image, and the
 * place of each.
 *
 * @throws {ContainerError}
 */
export function withVolumes(
  options: ContainerOptions,
  { flags, image, paths = [] }: Wanted,
): ContainerOptions {
  const others = flags.all("volumes-from").flatMap(volumesOf);
  const mounts = withImageVolumes(options.mounts ?? [], paths, others);
  const store = image?.store ??
    (mounts.some(isVolume) ? openStore().path : "");
  return { ...options, mounts: placedIn(store, mounts) };
}

/** The volumes and bind mounts of another container: `CONTAINER[:ro]`. */
function volumesOf(text: string): Mount[] {
  const flag = `--volumes-from ${text}`;
  const [word = "", mode = "rw", ...more] = text.split(":");
  if (!word || more.length || !/^(ro|rw|z|Z)$/.test(mode)) {
    throw new UsageError(`${flag}: not CONTAINER[:ro]`);
  }
  const { store } = globals();
  const id = findContainer(store, word);
  const daily = store.peek(id)?.daily;
  if (!daily) {
    throw new ContainerError(
      `Cannot use the volumes of ${word}: it was created by \`create\``,
      { hint: "Mount its directories with run -v DIR:PATH." },
    );
  }
  return (daily.options.mounts ?? [])
    .filter((mount) => isVolume(mount) || mount.type === "bind")
    .map((mount): Mount => {
      const { options = [] } = mount;
      return {
        ...mount,
        ...isVolume(mount) ? { source: volumeDirectory(mount, id) } : {},
        options: [
          ...mode === "ro"
            ? [...options.filter((word) => word !== "rw"), "ro"]
            : options,
          ...isVolume(mount) && isAnonymous(mount) ? ["anonymous"] : [],
        ],
      };
    });
}
