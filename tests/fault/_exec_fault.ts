/** Shared by the tests of faults in `exec` and their program. */

import { walkedSteps } from "../../launch/container.ts";
import {
  type ExecOptions,
  prepareExec,
} from "../../containers/oci/exec/exec.ts";
import { adjustProcess } from "../../containers/decide/oci/exec_process.ts";
import type { Store } from "../../containers/store/store.ts";
import type { Step } from "../../plan/step.ts";

/** The options of `exec one` with a command. */
export function execOptions(args: string[], detach: boolean): ExecOptions {
  const asked = {
    args,
    terminal: false,
    atTerminal: false,
    env: [],
    additionalGids: [],
    capabilities: [],
  };
  return {
    id: "one",
    process: (spec, surroundings) => adjustProcess(spec, asked, surroundings),
    detach,
    preserveFds: 0,
    cgroups: [],
    ignorePaused: false,
  };
}

/** All steps of it, which the walker carries out. */
export async function stepsOf(
  store: Store,
  options: ExecOptions,
): Promise<Step[]> {
  using prepared = await prepareExec(store, options);
  return walkedSteps(prepared.plan);
}
