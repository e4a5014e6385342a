/**
 * What a tmpfs takes over from the directory that it covers, as with runc: the
 * permissions and, with the option `tmpcopyup`, the content. podman sets that
 * option for every tmpfs. Only reads and decides; changes nothing. Runs on the
 * host, in the command that creates the container.
 */

import type { Mount, Spec } from "../../../spec/types.ts";
import type { World } from "../../world/world.ts";

const COPY_UP = "tmpcopyup";

const copies = ({ options }: Mount) => options?.includes(COPY_UP) ?? false;

const takesMode = ({ type, options = [] }: Mount) =>
  type === "tmpfs" && !options.some((option) => option.startsWith("mode="));

/**
 * The mounts of a Spec. Each tmpfs has its permissions, and `tmpcopyup` only if
 * there is something to copy. Usually there is nothing in /run and /tmp of an
 * image, and the mount is then made inside like any other.
 */
export function settledMounts(
  { root: { path }, mounts = [] }: Pick<Spec, "root" | "mounts">,
  world: World,
): Mount[] {
  if (!mounts.some((mount) => takesMode(mount) || copies(mount))) return mounts;
  using root = world.openDirectory(path);
  return mounts.map((mount): Mount => {
    if (!takesMode(mount) && !copies(mount)) return mount;
    const { options = [], destination } = mount;
    const covered = root.stat(destination);
    const isDirectory = covered?.type === "directory";
    const kept = options.filter((option) =>
      // With content, launch/host/copy_up.ts makes this mount on the host.
      option !== COPY_UP || isDirectory && root.hasEntries(destination)
    );
    return {
      ...mount,
      options: isDirectory && takesMode(mount)
        ? [...kept, modeOption(covered.mode)]
        : kept,
    };
  });
}

const modeOption = (mode: number) =>
  `mode=${mode.toString(8).padStart(4, "0")}`;
