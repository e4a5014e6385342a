/**
 * Runs `container exec` with a step that waits. Started by
 * tests/fault/exec_fault_test.ts.
 *
 *   _exec_fault_main.ts KIND ROOT attached|detached    in the container `one`
 *
 * @module
 */

import { alterLowering } from "../../launch/lower/lower.ts";
import { Store } from "../../containers/store/store.ts";
import { exec } from "../../containers/oci/exec/exec.ts";
import { execOptions, stepsOf } from "./_exec_fault.ts";
import { WAIT } from "./_fault_instructions.ts";

const [kind, root, how] = Deno.args;
const store = new Store(root!);
const options = execOptions(["sleep", "1000"], how === "detached");
const steps = await stepsOf(store, options);
const faulty = JSON.stringify(steps.find(({ step }) => step === kind));
alterLowering((step, instructions) =>
  JSON.stringify(step) === faulty ? [...WAIT, ...instructions] : instructions
);
Deno.exit(await exec(store, options));
