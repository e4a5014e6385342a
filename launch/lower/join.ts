/** Lowering of the steps that enter an existing container, for `exec`. */

import type { Instruction } from "../bytecode/call.ts";
import { DESCRIPTOR } from "./descriptors.ts";
import type { Lowering } from "./lowering.ts";
import { namespaceFlags } from "./namespaces.ts";

const enterRoot: readonly Instruction[] = [
  { name: "fchdir", args: [DESCRIPTOR.root] },
  { name: "chroot", args: ["."] },
  { name: "close", args: [DESCRIPTOR.root] },
];

export const lowerJoin: Lowering<"joinProcess"> = {
  // One call for all namespaces: the kernel checks the rights to each before it
  // enters any. Entering the user namespace first would lose the rights to the
  // others.
  joinProcess: ({ namespaces, root }) => [
    ...(namespaces.length
      ? [
        {
          name: "setns",
          args: [DESCRIPTOR.process, namespaceFlags(namespaces)],
        } as const,
      ]
      : []),
    { name: "close", args: [DESCRIPTOR.process] },
    ...(root ? enterRoot : []),
  ],
};
