/**
 * The mount option `tmpcopyup`, which is runc's and podman's for every tmpfs:
 * what the root filesystem has at that place is to be seen in the memory, too.
 * Decides, on the host, and changes nothing but the Spec.
 */

import { type Descriptor, O, open } from "../../ffi/fcntl.ts";
import { openInRoot } from "../../ffi/openat2.ts";
import { SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";

const OPTION = "tmpcopyup";

/**
 * Takes the option away where there is nothing to copy, as with /run and /tmp
 * of nearly every image: no file system of the kernel's knows it.
 *
 * @throws {SpecError} where there is something
 */
export function settleCopies(spec: Spec): void {
  using root = open(spec.root.path, O.O_PATH | O.O_DIRECTORY);
  for (const mount of spec.mounts ?? []) {
    const { options, destination } = mount;
    if (!options?.includes(OPTION)) continue;
    if (!isEmpty(root, destination)) {
      throw new SpecError(
        `Cannot mount tmpfs at ${destination}: ${OPTION} is not supported where the root filesystem has files`,
        { hint: `Leave ${OPTION} out of its options (podman: notmpcopyup).` },
      );
    }
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
