/**
 * Runs `container run` with a fault: a step of the plan fails, or waits for
 * ever. Started by tests/fault/fault_test.ts and
 * tests/fault/fault_kill_test.ts. It starts itself again as PID 1, and finds
 * the mark in the plan that it receives.
 *
 *   _fault_main.ts PHASE INDEX fail|wait ARGUMENT…    the arguments of `run`
 *
 * @module
 */

import { childCommand } from "../cli/child.ts";
import { parseFlags } from "../cli/flags.ts";
import { RUN_FLAGS } from "../cli/run_flags.ts";
import { optionsFromFlags } from "../cli/run_options.ts";
import type { Instruction } from "../launch/bytecode/call.ts";
import { alterLowering } from "../launch/lower/lower.ts";
import { prepare, run } from "../containers/run/run.ts";
import type { Phase, Step } from "../plan/step.ts";
import { WAIT } from "./_fault.ts";
import { ContainerError } from "../spec/errors.ts";

/** A step that has been marked. */
type Marked = Step & { fault?: string };

const FAULTS: Record<string, Instruction> = {
  fail: { name: "fail", error: "EPERM" },
  wait: WAIT,
};

function say(line: string): void {
  // deno-lint-ignore no-console
  console.error(line);
}

alterLowering((step: Marked, instructions) =>
  step.fault ? [FAULTS[step.fault]!, ...instructions] : instructions
);

async function main(): Promise<number> {
  if (Deno.args[0] === "child") {
    return await childCommand.execute(Deno.args.slice(1));
  }
  const [phase, index, fault, ...argv] = Deno.args;
  const options = optionsFromFlags(
    parseFlags(RUN_FLAGS, argv, "container run"),
  );
  const prepared = await prepare(options, options.rootfs!);
  for (const step of prepared.plan.launch) {
    if (step.step !== "executeSelf") continue;
    // Deno looks for deno.json next to the main module.
    step.argv = step.argv.map((word) =>
      word.endsWith("/tests/deno.json")
        ? word.replace("/tests/deno.json", "/deno.json")
        : word
    );
  }
  const steps: Marked[] = prepared.plan[phase as Phase];
  steps[Number(index)]!.fault = fault;
  return await run(prepared, { announce: false, debug: false, say });
}

let status: number;
try {
  status = await main();
} catch (error) {
  if (!(error instanceof ContainerError)) throw error;
  say(`container: ${error.message}`);
  status = error.status;
}
Deno.exit(status);
