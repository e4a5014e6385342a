/** Lowering of the steps for hooks inside the container's namespaces. */

import { AT_FDCWD, O } from "../../ffi/fcntl.ts";
import type { Call } from "../bytecode/call.ts";
import { NEWS } from "./news.ts";
import { DESCRIPTOR } from "./descriptors.ts";
import type { Lowering } from "./lowering.ts";

const SLOT = "kept_root";

const keep = (path: string): Call => ({
  name: "openat",
  args: [AT_FDCWD, path, O.O_PATH | O.O_DIRECTORY | O.O_CLOEXEC, 0],
  result: SLOT,
});

export const lowerHooks: Lowering<
  "waitForHooks" | "keepRoot" | "enterKeptRoot" | "visitRoot" | "returnToRoot"
> = {
  waitForHooks: () => [
    {
      name: "write",
      args: [DESCRIPTOR.status, new Uint8Array([NEWS.hooks]), 1],
    },
    {
      name: "read",
      args: [DESCRIPTOR.lifeline, new Uint8Array(8), 1],
      want: { result: 1, otherwise: "ESRCH" },
    },
  ],
  keepRoot: ({ path }) => [keep(path)],
  enterKeptRoot: () => [
    { name: "fchdir", args: [{ slot: SLOT }] },
    { name: "close", args: [{ slot: SLOT }] },
  ],
  visitRoot: ({ root }) => [
    keep("/"),
    { name: "chroot", args: [root] },
    { name: "chdir", args: ["/"] },
  ],
  returnToRoot: () => [
    { name: "fchdir", args: [{ slot: SLOT }] },
    { name: "chroot", args: ["."] },
    { name: "close", args: [{ slot: SLOT }] },
  ],
};
