/**
 * The mount option `tmpcopyup`, which is runc's and podman's for every tmpfs:
 * what the root filesystem has at that place is to be seen in the memory, too.
 * Decides, on the host, and changes nothing but the Spec.
 */

import { type Descriptor, O, open } from "../../ffi/fcntl.ts";
import { openInRoot } from "../../ffi/openat2.ts";
import type { Spec } from "../../spec/types.ts";

const OPTION = "tmpcopyup";

/**
 * Takes the option away where there is nothing to copy, as with /run and /tmp
 * of nearly every image: such a mount is made inside like any other.
 */
export function settleCopies(spec: Spec): void {
  using root = open(spec.root.path, O.O_PATH | O.O_DIRECTORY);
  for (const mount of spec.mounts ?? []) {
    const { options, destination } = mount;
    if (!options?.includes(OPTION)) continue;
    // Else launch/copy_up.ts makes it on the host.
    if (!isEmpty(root, destination)) continue;
    mount.options = options.filter((option) => option !== OPTION);
  }
}

function isEmpty(root: Descriptor, path: string): boolean {
  using directory = openInRoot(root, path, O.O_RDONLY | O.O_DIRECTORY);
  if (!directory) return true;
  const place = `/proc/self/fd/${directory.fd}`;
  for (const _entry of Deno.readDirSync(place)) return false;
  return true;
}
