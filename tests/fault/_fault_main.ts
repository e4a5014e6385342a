/**
 * Runs `container run` with faults: a step of the plan fails, or waits. Started
 * by tests/fault/fault_test.ts and tests/fault/fault_kill_test.ts. It starts
 * itself again as PID 1, which receives the compiled fault from its parent.
 *
 *   _fault_main.ts fail|wait PLACE,… ARGUMENT…    the arguments of `run`
 *
 * A place is a phase and the index of a step in it, such as `launch.3`. The
 * program runs one container per place, one after the other.
 *
 * @module
 */

import { ContainerError } from "../../spec/errors.ts";

/** Does something and returns its status; prints the error if there is one. */
async function statusOf(run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    // deno-lint-ignore no-console
    console.error(`container: ${error.message}`);
    return error.status;
  }
}

// Each of the two loads only what it needs. PID 1 needs a fifth of the code.
if (Deno.args[0] === "child") {
  const { childCommand } = await import("../../cli/child.ts");
  Deno.exit(
    await statusOf(async () => await childCommand.execute(Deno.args.slice(1))),
  );
}
const { runWithFaults } = await import("./_fault_run.ts");
Deno.exit(await runWithFaults(Deno.args, statusOf));
