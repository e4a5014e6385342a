/**
 * What a tmpfs takes over from the directory that it covers, as with runc: the
 * permissions and, with the option `tmpcopyup`, the content. podman sets that
 * option for every tmpfs. Only decides: changes nothing but the Spec. Runs on
 * the host, in the command that creates the container.
 */

import { type Descriptor, O, open } from "../../ffi/fcntl.ts";
import { openInRoot } from "../../ffi/openat2.ts";
import type { Mount, Spec } from "../../spec/types.ts";

const COPY_UP = "tmpcopyup";
const PERMISSIONS = 0o7777;

/** Whether {@linkcode settleTmpfs} has anything to do. */
export const hasUnsettled = ({ mounts }: Spec): boolean =>
  mounts?.some((mount) => takesMode(mount) || copies(mount)) ?? false;

const copies = ({ options }: Mount) => options?.includes(COPY_UP) ?? false;

const takesMode = ({ type, options = [] }: Mount) =>
  type === "tmpfs" && !options.some((option) => option.startsWith("mode="));

/**
 * Sets the permissions, and removes `tmpcopyup` if there is nothing to copy.
 * That is usual for /run and /tmp of an image. The mount is then made inside
 * like any other.
 */
export function settleTmpfs(spec: Spec): void {
  using root = open(spec.root.path, O.O_PATH | O.O_DIRECTORY);
  for (const mount of spec.mounts ?? []) {
    if (!takesMode(mount) && !copies(mount)) continue;
    const { options = [], destination } = mount;
    using covered = openInRoot(root, destination, O.O_RDONLY | O.O_DIRECTORY);
    mount.options = options.filter((option) =>
      // With content, launch/host/copy_up.ts makes this mount on the host.
      option !== COPY_UP || covered && hasEntries(covered)
    );
    if (covered && takesMode(mount)) mount.options.push(modeOf(covered));
  }
}

const placeOf = ({ fd }: Descriptor) => `/proc/self/fd/${fd}`;

function modeOf(directory: Descriptor): string {
  const mode = (Deno.statSync(placeOf(directory)).mode ?? 0) & PERMISSIONS;
  return `mode=${mode.toString(8).padStart(4, "0")}`;
}

function hasEntries(directory: Descriptor): boolean {
  for (const _entry of Deno.readDirSync(placeOf(directory))) return true;
  return false;
}
