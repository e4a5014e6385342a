/** Locks of the store, flock(2). The kernel frees them if a command is killed. */

import { SyscallError } from "../../ffi/errno.ts";
import { type Descriptor, LOCK, O, open } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { storeError } from "./places.ts";

/** Waits for a lock and returns it. The file is created if it is missing. */
export function lockFile(path: string): Disposable {
  try {
    const file = Deno.openSync(path, {
      create: true,
      write: true,
      mode: 0o600,
    });
    try {
      file.lockSync(true);
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  } catch (error) {
    throw storeError(path, error);
  }
}

/**
 * Takes a lock if no other command has it.
 *
 * @returns the lock; "taken" if another command has it; "missing" if there is
 * no such file
 */
export function tryLockFile(path: string): Disposable | "taken" | "missing" {
  let file: Descriptor | undefined;
  try {
    file = open(path, O.O_RDWR);
    syscall("flock", file.fd, LOCK.exclusive | LOCK.atOnce);
    return file;
  } catch (error) {
    file?.close();
    if (!(error instanceof SyscallError)) throw error;
    if (error.code === "ENOENT") return "missing";
    if (error.code === "EAGAIN") return "taken";
    throw storeError(path, error);
  }
}
