/**
 * The accounts of a container that runs. Its files are in the hands of whoever
 * is in it: nothing but a small regular file is read. Runs on the host.
 */

import { type Descriptor, O, readAt } from "../../ffi/fcntl.ts";
import { openInRoot } from "../../ffi/openat2.ts";
import { type AccountFiles, parsePasswd } from "../users.ts";

/** A passwd(5) that is larger is none. */
const MAX_SIZE = 1 << 20;

/** The account files below a container's root directory; null for what is none. */
export function readAccounts(root: Descriptor): AccountFiles {
  return {
    passwd: readSmall(root, "/etc/passwd"),
    group: readSmall(root, "/etc/group"),
  };
}

/**
 * Where a user is at home, for the `HOME` that programs look for. `/` where the
 * container does not know the user, as runc has it.
 */
export function homeOf({ passwd }: AccountFiles, uid: number): string {
  return parsePasswd(passwd).find((account) => account.uid === uid)?.home ??
    "/";
}

function readSmall(root: Descriptor, path: string): string | null {
  try {
    // What it is, is looked at before it is opened: opening a device does something.
    using place = openInRoot(root, path, O.O_PATH);
    if (!place) return null;
    const { isFile, size } = Deno.statSync(`/proc/self/fd/${place.fd}`);
    if (!isFile || size > MAX_SIZE) return null;
    using file = openInRoot(
      root,
      path,
      O.O_RDONLY | O.O_NONBLOCK | O.O_NOCTTY,
    );
    if (!file || !Deno.statSync(`/proc/self/fd/${file.fd}`).isFile) return null;
    const bytes = new Uint8Array(MAX_SIZE);
    let length = 0;
    for (let count = 1; count > 0 && length < MAX_SIZE; length += count) {
      count = readAt(file.fd, bytes.subarray(length), length);
    }
    return new TextDecoder().decode(bytes.subarray(0, length));
  } catch {
    return null;
  }
}
