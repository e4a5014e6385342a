/**
 * CRIU as a process: to restore a container in a mount namespace of its own,
 * where the root filesystem is a mount, as it wants it. Pure.
 */

import { candidates } from "./candidates.ts";
import type { Step } from "./step.ts";

/** From here to its execve. */
export const criuProcess = (argv: readonly string[], path: string): Step[] => [{
  step: "execute",
  candidates: candidates(argv[0]!, [path]),
  argv: [...argv],
  env: [path],
  why: "criu saves processes, and makes them again",
  man: "criu(8)",
}];

/** The same where it makes a container's root of a directory. */
export function criuRestore(
  root: string,
  argv: readonly string[],
  path: string,
): Step[] {
  return [
    {
      step: "unshare",
      namespaces: ["mount"],
      why: "what is mounted for criu is mounted nowhere else",
      man: "unshare(2)",
    },
    {
      step: "mount",
      source: null,
      target: "/",
      type: null,
      flags: ["MS_REC", "MS_SLAVE"],
      data: null,
      why: "the host never sees what is mounted here",
      man: "mount_namespaces(7)",
    },
    {
      step: "mount",
      source: root,
      target: root,
      type: null,
      flags: ["MS_BIND", "MS_REC"],
      data: null,
      why: "criu makes the container's root of a mount",
      man: "mount(2)",
    },
    ...criuProcess(argv, path),
  ];
}
