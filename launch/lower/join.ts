/** Lowering of what enters a container that is there: for `exec`. */

import type { Instruction } from "./call.ts";
import { HANDED } from "./handed.ts";
import type { Lowering } from "./lower.ts";
import { namespaceFlags } from "./lower_namespaces.ts";

const enterRoot: readonly Instruction[] = [
  { name: "fchdir", args: [HANDED.root] },
  { name: "chroot", args: ["."] },
  { name: "close", args: [HANDED.root] },
];

export const lowerJoin: Lowering<"joinProcess"> = {
  // One call for all: the kernel checks the rights to each before it enters
  // any, and a user namespace that is entered first would take them away.
  joinProcess: ({ namespaces, root }) => [
    ...(namespaces.length
      ? [
        {
          name: "setns",
          args: [HANDED.process, namespaceFlags(namespaces)],
        } as const,
      ]
      : []),
    { name: "close", args: [HANDED.process] },
    ...(root ? enterRoot : []),
  ],
};
