/**
 * The owner of new files, setfsuid(2). A mount with mapped IDs, and an overlay of
 * a user namespace, take new files only from IDs that they map: the host's root
 * is none of them (EOVERFLOW).
 */

import { SyscallError } from "../errno.ts";
import { rawSyscall, syscall } from "../libc.ts";
import { LINUX_CAPABILITY_VERSION_3 } from "../prctl.ts";

/** Asks for the ID that is set: no user has this one. */
const NOBODY_AT_ALL = 0xffffffff;

function set(name: "setfsuid" | "setfsgid", id: number): number {
  const before = rawSyscall(name, id);
  // These calls report no errors.
  if (rawSyscall(name, NOBODY_AT_ALL) === id) return before;
  throw new SyscallError(name, "EPERM");
}

/**
 * Gives the new files of this thread to a user, until the result is disposed of.
 * Its capabilities stay. Only synchronous calls of the thread are affected.
 *
 * @throws SyscallError without CAP_SETUID, CAP_SETGID
 */
export function ownFilesAs(
  { uid, gid }: { uid: number; gid: number },
): Disposable {
  const header = new Uint32Array([LINUX_CAPABILITY_VERSION_3, 0]);
  const sets = new Uint32Array(6);
  const bytes = (words: Uint32Array<ArrayBuffer>) =>
    new Uint8Array(words.buffer);
  syscall("capget", bytes(header), bytes(sets));
  // A change from or to root removes or restores capabilities for files.
  const keep = () => syscall("capset", bytes(header), bytes(sets));
  const group = set("setfsgid", gid);
  const user = set("setfsuid", uid);
  keep();
  return {
    [Symbol.dispose]() {
      set("setfsuid", user);
      set("setfsgid", group);
      keep();
    },
  };
}
