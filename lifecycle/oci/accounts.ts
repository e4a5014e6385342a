/**
 * The accounts of a container that runs. Its files are in the hands of whoever
 * is in it: nothing but a small regular file is read. Runs on the host.
 */

import type { Descriptor } from "../../ffi/fcntl.ts";
import { readInRoot } from "../../ffi/openat2.ts";
import { type AccountFiles, parsePasswd } from "../users.ts";

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
    return readInRoot(root, path);
  } catch {
    return null;
  }
}
