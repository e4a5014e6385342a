/** Lowering of the steps that give a container a terminal of its own. */

import { AT_EMPTY_PATH, AT_FDCWD, O } from "../../ffi/fcntl.ts";
import {
  MOVE_MOUNT_F_EMPTY_PATH,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../ffi/mount.ts";
import {
  TCSETS,
  termiosOf,
  TIOCGPTPEER,
  TIOCSCTTY,
  TIOCSPTLCK,
  TIOCSWINSZ,
  withoutReturns,
} from "../../ffi/termios.ts";
import type { Call, Instruction } from "../bytecode/call.ts";
import { descriptorMessage } from "./descriptor_message.ts";
import { DESCRIPTOR, TERMINAL_NEWS } from "./descriptors.ts";
import type { Lowering } from "./lowering.ts";
import { placeInside } from "./path_inside.ts";

const MSG_NOSIGNAL = 0x4000;
/**
 * Sends the master side to the parent, and to nobody else: a holder of it can
 * type as the user.
 */
const handOver = (number: number): readonly Call[] => [
  { name: "dup3", args: [{ slot: "master" }, number, O.O_CLOEXEC] },
  { name: "close", args: [{ slot: "master" }] },
  {
    name: "sendmsg",
    args: [
      DESCRIPTOR.status,
      descriptorMessage(TERMINAL_NEWS, number),
      MSG_NOSIGNAL,
    ],
  },
  { name: "close", args: [number] },
];

const CONSOLE = placeInside("/dev/console");

/** Makes a place for /dev/console. */
const makeConsole: readonly Instruction[] = [
  ...CONSOLE.before,
  {
    name: "mknodat",
    args: [...CONSOLE.at, 0o100600, 0],
    expect: ["EEXIST", "EROFS", "EACCES", "EPERM"],
  },
  ...CONSOLE.after,
];

/** Makes the terminal /dev/console too, if there is a place for it. */
const becomeConsole: readonly Instruction[] = [
  {
    name: "open_tree",
    args: [
      { slot: "terminal" },
      "",
      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH,
    ],
    result: "console",
    expect: ["EINVAL", "EPERM"],
    skipOnExpected: 2,
  },
  {
    name: "move_mount",
    args: [
      { slot: "console" },
      "",
      AT_FDCWD,
      "/dev/console",
      MOVE_MOUNT_F_EMPTY_PATH,
    ],
    expect: ["ENOENT"],
  },
  { name: "close", args: [{ slot: "console" }] },
];

const becomeStreams = (
  terminal: number | { slot: string },
  streams: readonly number[],
) =>
  streams.map((fd): Instruction => ({ name: "dup3", args: [terminal, fd, 0] }));

export const lowerTerminal: Lowering<
  "makeSession" | "openTerminal" | "shareTerminal"
> = {
  makeSession: () => [{ name: "setsid", args: [] }],
  openTerminal: (
    { master, size, streams, settings, console, plainLines },
  ) => [
    {
      name: "openat",
      args: [AT_FDCWD, "/dev/pts/ptmx", O.O_RDWR | O.O_NOCTTY | O.O_CLOEXEC, 0],
      result: "master",
    },
    {
      name: "ioctl",
      args: [{ slot: "master" }, TIOCSPTLCK, new Uint8Array(4)],
    },
    {
      // Through the master's descriptor: a name in /dev/pts could belong to
      // another terminal.
      name: "ioctl",
      args: [
        { slot: "master" },
        TIOCGPTPEER,
        O.O_RDWR | O.O_NOCTTY | O.O_CLOEXEC,
      ],
      result: "terminal",
    },
    // The parent updates the size later; a command that asks at once must find
    // it.
    ...(size
      ? [
        {
          name: "ioctl",
          args: [
            { slot: "terminal" },
            TIOCSWINSZ,
            new Uint8Array(
              new Uint16Array([size.height, size.width, 0, 0]).buffer,
            ),
          ],
        } as const,
      ]
      : []),
    ...(settings || plainLines
      ? [
        {
          name: "ioctl",
          args: [
            { slot: "terminal" },
            TCSETS,
            termiosOf(plainLines ? withoutReturns(settings) : settings!),
          ],
        } as const,
      ]
      : []),
    { name: "ioctl", args: [{ slot: "terminal" }, TIOCSCTTY, 0] },
    ...(console === undefined ? makeConsole : []),
    ...(console === false ? [] : becomeConsole),
    ...becomeStreams({ slot: "terminal" }, streams),
    { name: "close", args: [{ slot: "terminal" }] },
    ...handOver(master),
  ],
  shareTerminal: ({ streams }) => becomeStreams(0, streams),
};
