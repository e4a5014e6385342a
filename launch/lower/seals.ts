/** Lowering of masked and read-only paths, which follow all mounts. */

import { AT_EMPTY_PATH, O } from "../../ffi/fcntl.ts";
import {
  AT_RECURSIVE,
  MOUNT_ATTR,
  MOUNT_ATTR_SIZE,
  mountAttributes,
} from "../../ffi/mount.ts";
import type { Instruction } from "../bytecode/call.ts";
import type { Lowering } from "./lowering.ts";
import { placeOf } from "./kernel_filesystems.ts";
import { clone, create, move } from "./mounts.ts";

export const lowerSeals: Lowering<"maskPath" | "readonlyPath"> = {
  // A directory is covered by an empty file system, a file by the null device.
  // That is the host's, opened before the root changed: a link planted at the
  // container's own /dev/null would be bound instead (CVE-2025-31133). A path
  // that the kernel does not have needs no cover. Only an attached mount can be
  // copied, so the cover is copied after each use. A copy that is closed unused
  // would make the kernel wait for every CPU (RCU).
  maskPath: ({ path, cover, last, within }) => {
    const { before, at: [directory, name], after } = placeOf(path, within);
    const copy = [
      clone({ slot: cover }, "", AT_EMPTY_PATH, "copy"),
      { name: "dup3", args: [{ slot: "copy" }, { slot: cover }, O.O_CLOEXEC] },
      { name: "close", args: [{ slot: "copy" }] },
    ] as const satisfies Instruction[];
    const coverFile: Instruction[] = [
      {
        ...move(cover, name, directory),
        expect: ["ENOENT", "ENOTDIR"],
        skipOnExpected: last ? 0 : copy.length,
      },
      ...(last ? [] : copy),
    ];
    const emptyDirectory: Instruction[] = [
      { name: "close", args: [{ slot: "masked" }] },
      ...create(
        "tmpfs",
        "masked",
        ["mode=755"],
        MOUNT_ATTR.MOUNT_ATTR_RDONLY,
        "empty",
      ),
      move("empty", name, directory),
      {
        name: "close",
        args: [{ slot: "empty" }],
        skipOnSuccess: coverFile.length,
      },
    ];
    return [
      ...before,
      {
        name: "openat",
        args: [directory, name, O.O_PATH | O.O_DIRECTORY | O.O_CLOEXEC, 0],
        result: "masked",
        expect: ["ENOENT", "ENOTDIR"],
        skipOnExpected: emptyDirectory.length,
      },
      ...emptyDirectory,
      ...coverFile,
      ...(last ? [{ name: "close", args: [{ slot: cover }] } as const] : []),
      ...after,
    ];
  },
  readonlyPath: ({ path, within }) => {
    const { before, at: [directory, name], after } = placeOf(path, within);
    return [
      ...before,
      {
        ...clone(directory, name, AT_RECURSIVE, "readonly"),
        expect: ["ENOENT"],
        skipOnExpected: 3,
      },
      {
        name: "mount_setattr",
        args: [
          { slot: "readonly" },
          "",
          AT_EMPTY_PATH | AT_RECURSIVE,
          mountAttributes(MOUNT_ATTR.MOUNT_ATTR_RDONLY),
          MOUNT_ATTR_SIZE,
        ],
      },
      move("readonly", name, directory),
      { name: "close", args: [{ slot: "readonly" }] },
      ...after,
    ];
  },
};
