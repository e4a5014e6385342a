/**
 * Lowering of what `--seccomp learn` needs beside its filter: the listener's
 * way from the process that has just filtered itself to the parent.
 */

import { UNREPORTED } from "../../seccomp/learn.ts";
import { O } from "../../ffi/fcntl.ts";
import { descriptorMessage } from "./descriptor_message.ts";
import { NEWS } from "./news.ts";
import { DESCRIPTOR } from "./descriptors.ts";
import type { Lowering } from "./lowering.ts";
import { LISTENER_SLOT } from "./seccomp_filter.ts";

const MSG_NOSIGNAL = 0x4000;

export const lowerLearning: Lowering<"keepSocket" | "sendListener"> = {
  keepSocket: ({ from, to }) => [{
    name: "dup3",
    args: [from ?? DESCRIPTOR.status, to, O.O_CLOEXEC],
  }],
  sendListener: ({ socket, listener, mark = UNREPORTED }) => [
    {
      // The message has to name it by a number that is known beforehand.
      name: "dup3",
      args: [
        { slot: LISTENER_SLOT },
        listener,
        O.O_CLOEXEC,
        0,
        0,
        BigInt(mark),
      ],
      // It has this number already.
      expect: ["EINVAL"],
    },
    {
      name: "sendmsg",
      args: [
        socket,
        descriptorMessage(NEWS.listener, listener),
        MSG_NOSIGNAL,
        0,
        0,
        BigInt(mark),
      ],
    },
  ],
};
