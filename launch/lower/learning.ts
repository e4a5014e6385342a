/**
 * Lowering of the steps that `--seccomp learn` needs in addition to its filter:
 * the filtered process sends the listener to the parent.
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
      // The message names the descriptor by a number that has to be known in
      // advance.
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
