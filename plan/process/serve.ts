/**
 * What the processes of a sandbox that are ours do in the place of a command.
 * Both have taken the same last steps as a command: no capability, no open file
 * of the host, and the same filter.
 */

import type { Spec } from "../../spec/types.ts";
import type { ProcessFacts } from "../facts.ts";
import type { Step } from "../step.ts";

/** The step in the place of the execve of a command. */
export function serve(
  { process: { preserve = 0 } }: Spec,
  what: NonNullable<ProcessFacts["serves"]>,
): Step[] {
  if (what === "idle") {
    return [{
      step: "idle",
      socket: 3 + preserve,
      why:
        "commands join the namespaces of this process; it does nothing but hold them, and the kernel reaps its children",
      man: "sigaction(2), ppoll(2), pid_namespaces(7)",
    }];
  }
  return [{
    step: "serveFiles",
    program: 3,
    why:
      "opens and changes files with the rights that a command has, where the sandbox sees no process of it",
    man: "execveat(2), openat2(2)",
  }];
}
