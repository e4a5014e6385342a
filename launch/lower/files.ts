/** Lowering of files that are made for the container. */

import { toBytes } from "../../ffi/text.ts";
import { AT_FDCWD, O } from "../../ffi/fcntl.ts";
import type { Lowering } from "./lowering.ts";

export const lowerFiles: Lowering<"makeFile"> = {
  makeFile: ({ path, text, mode }) => [
    {
      name: "openat",
      args: [
        AT_FDCWD,
        path,
        O.O_WRONLY | O.O_CREAT | O.O_EXCL | O.O_CLOEXEC,
        0o600,
      ],
      result: "file",
    },
    {
      name: "write",
      args: [{ slot: "file" }, text, toBytes(text).length],
    },
    // The umask limits open's mode.
    { name: "fchmod", args: [{ slot: "file" }, mode] },
    { name: "close", args: [{ slot: "file" }] },
  ],
};
