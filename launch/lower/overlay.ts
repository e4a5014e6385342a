/** Lowering of an overlay: a writable layer over the root filesystem. */

import { AT_FDCWD, O } from "../../ffi/fcntl.ts";
import type { Instruction } from "../bytecode/call.ts";
import type { Lowering } from "./lowering.ts";
import { create, move } from "./mounts.ts";

export const lowerOverlay: Lowering<"mountOverlay"> = {
  mountOverlay: (
    { root, lower: named, target, upper, work, userNamespace, above },
  ) => {
    // By descriptor, since the overlay hides the paths of its layers.
    const path = (slot: number) => `/proc/self/fd/${slot}`;
    const [lower, layers, own] = [above, above + 1, above + 2];
    const hold = (slot: string, fd: number): Instruction => ({
      name: "dup3",
      args: [{ slot }, fd, O.O_CLOEXEC],
    });
    const open = (directory: string, slot: string): Instruction => ({
      name: "openat",
      args: [
        AT_FDCWD,
        directory,
        O.O_PATH | O.O_DIRECTORY | O.O_CLOEXEC,
        0,
      ],
      result: slot,
    });
    const close = (fd: number | { slot: string }): Instruction => ({
      name: "close",
      args: [fd],
    });
    const inMemory = upper === null || work === null;
    // Kernels before 6.15 accept only attached mounts as layers. The upper
    // layers are opened before this mount hides them.
    const place = (mount: string): Instruction[] => [
      move(mount, target),
      hold(mount, lower),
    ];
    return [
      ...(named ? [] : [open(root, "lower"), hold("lower", lower)]),
      ...(inMemory
        ? [
          ...named ? place(named) : [],
          ...create("tmpfs", "overlay", ["mode=755"], 0, "layers"),
          move("layers", target),
          { name: "mkdirat", args: [{ slot: "layers" }, "upper", 0o755] },
          { name: "mkdirat", args: [{ slot: "layers" }, "work", 0o755] },
          hold("layers", layers),
        ] as Instruction[]
        : [
          open(upper, "upper"),
          hold("upper", layers),
          open(work, "work"),
          hold("work", own),
          ...named ? place(named) : [],
        ]),
      {
        name: "mount",
        args: [
          "overlay",
          target,
          "overlay",
          0,
          [
            `lowerdir=${path(lower)}`,
            `upperdir=${path(layers)}${inMemory ? "/upper" : ""}`,
            `workdir=${inMemory ? `${path(layers)}/work` : path(own)}`,
            ...(userNamespace ? ["userxattr"] : []),
          ].join(","),
        ],
      },
      // PID 1 stays, and must not keep directories of the host open.
      ...[{ slot: named ?? "lower" }, lower].map(close),
      ...(inMemory
        ? [{ slot: "layers" }, layers]
        : [{ slot: "upper" }, layers, { slot: "work" }, own]).map(close),
    ];
  },
};
