/** What the tests of faults in `exec` and their program have in common. */

import { walkedSteps } from "../launch/container.ts";
import { type ExecOptions, prepareExec } from "../lifecycle/oci/exec.ts";
import { adjustProcess } from "../lifecycle/oci/exec_process.ts";
import type { Store } from "../lifecycle/oci/store.ts";
import type { Step } from "../plan/step.ts";

/** `exec one` of a command. */
export function execOptions(args: string[], detach: boolean): ExecOptions {
  const wishes = {
    args,
    terminal: false,
    atTerminal: false,
    env: [],
    additionalGids: [],
    capabilities: [],
  };
  return {
    id: "one",
    process: (spec, accounts) => adjustProcess(spec, wishes, accounts),
    detach,
    preserveFds: 0,
    cgroups: [],
    ignorePaused: false,
  };
}

/** All of its steps, by the walker. */
export async function stepsOf(
  store: Store,
  options: ExecOptions,
): Promise<Step[]> {
  using prepared = await prepareExec(store, options);
  return walkedSteps(prepared.plan);
}
