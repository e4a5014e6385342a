/** unistd.h: writes that must survive a power cut. */

import { O, open } from "./fcntl.ts";
import { syscall } from "./libc.ts";

/** syncfs(2): writes everything of the file system of a path to its disk. */
export function syncFileSystem(path: string): void {
  using directory = open(path, O.O_RDONLY | O.O_DIRECTORY);
  syscall("syncfs", directory.fd);
}

/** fsync(2) of a directory: its entries are on the disk afterwards. */
export function syncDirectory(path: string): void {
  using directory = open(path, O.O_RDONLY | O.O_DIRECTORY);
  syscall("fsync", directory.fd);
}
