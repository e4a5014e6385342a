/** Lowering of the steps between create and start. */

import { AT_FDCWD, O } from "../../ffi/fcntl.ts";
import type { Instruction } from "../bytecode/call.ts";
import { DESCRIPTOR } from "./descriptors.ts";
import type { Lowering } from "./lowering.ts";

const F_OK = 0;
const X_OK = 1;
const AT_EACCESS = 0x200;

export const lowerHold: Lowering<
  "keepHold" | "checkCommand" | "reportReady" | "waitForStart"
> = {
  keepHold: ({ from, to }) => {
    const { status, start } = from ?? DESCRIPTOR;
    return [
      { name: "dup3", args: [status, to.status, O.O_CLOEXEC] },
      { name: "dup3", args: [start, to.start, O.O_CLOEXEC] },
    ];
  },
  checkCommand: ({ candidates }) => [
    ...candidates.flatMap((path, index): Instruction[] => [
      {
        name: "faccessat2",
        args: [AT_FDCWD, path, X_OK, AT_EACCESS],
        expect: ["ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG"],
        skipOnExpected: 1,
      },
      // X_OK is also granted for a directory. `${path}/.` exists only in a
      // directory.
      {
        name: "faccessat2",
        args: [AT_FDCWD, `${path}/.`, F_OK, 0],
        expect: ["ENOTDIR"],
        skipOnExpected: 2 * (candidates.length - index) - 1,
      },
    ]),
    { name: "fail", error: "ENOENT" },
  ],
  reportReady: ({ status, mark = 0 }) => [{
    name: "write",
    args: [status, new Uint8Array([1]), 1, 0, 0, BigInt(mark)],
  }],
  waitForStart: ({ start, mark = 0 }) => [{
    name: "read",
    args: [start, new Uint8Array(8), 1, 0, 0, BigInt(mark)],
    want: { result: 1, otherwise: "ESRCH" },
  }],
};
