/**
 * `container run` with a fault in it: a step of the plan fails, or waits. Run by
 * tests/fault/fault_test.ts and tests/fault/fault_kill_test.ts, and again by itself as PID 1.
 *
 *   _fault_main.ts fail|wait PLACE,… ARGUMENT…    the arguments of `run`
 *
 * A place is a phase and the number of a step in it: `launch.3`. The containers
 * run one after the other, each with one of the faults.
 *
 * @module
 */

import { ContainerError } from "../spec/errors.ts";

/** The status of what was done; an error is told first. */
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

// Each loads what it needs: PID 1 starts with a fifth of it.
if (Deno.args[0] === "child") {
  const { childCommand } = await import("../cli/child.ts");
  Deno.exit(
    await statusOf(async () => await childCommand.execute(Deno.args.slice(1))),
  );
}
const { runWithFaults } = await import("./_fault_run.ts");
Deno.exit(await runWithFaults(Deno.args, statusOf));
