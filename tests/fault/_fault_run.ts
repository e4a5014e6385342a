/** The parent's part of tests/fault/_fault_main.ts. */

import { parseFlags } from "../../cli/flags.ts";
import { RUN_FLAGS } from "../../cli/run_flags.ts";
import { requesterIn } from "../../containers/decide/requester.ts";
import { THIS_MACHINE } from "../../containers/world/real_world.ts";
import { optionsFromFlags } from "../../cli/run_options.ts";
import { writeAll } from "../../ffi/fcntl.ts";
import { alterLowering } from "../../launch/lower/lower.ts";
import { prepare, run } from "../../containers/run/run.ts";
import type { Phase, Step } from "../../plan/step.ts";
import {
  endMark,
  type Fault,
  FAULTS,
  NEXT_OUTPUT,
} from "./_fault_instructions.ts";

/** A step that may have a fault. */
type Marked = Step & { fault?: Fault };

const say = (line: string) => writeText(2, `${line}\n`);

const writeText = (fd: number, text: string) =>
  writeAll(fd, new TextEncoder().encode(text));

/** Counts the open descriptors of this process. */
const openHere = () => [...Deno.readDirSync("/proc/self/fd")].length;

/**
 * Runs one container per place, with the fault there, and writes after each how
 * it ended.
 *
 * @returns the status of the last
 */
export async function runWithFaults(
  [fault, places, ...argv]: readonly string[],
  statusOf: (run: () => Promise<number>) => Promise<number>,
): Promise<number> {
  alterLowering((step: Marked, instructions) =>
    step.fault ? [...FAULTS[step.fault], ...instructions] : instructions
  );
  let status = 0;
  for (const place of places!.split(",")) {
    const [phase, index] = place.split(".");
    status = await statusOf(async () => {
      const options = optionsFromFlags(
        parseFlags(RUN_FLAGS, argv, "container run"),
        requesterIn(THIS_MACHINE),
      );
      const prepared = await prepare({ options, rootfs: options.rootfs! });
      const steps: Marked[] = prepared.plan[phase as Phase];
      // A copy, because plans share some of their step objects.
      steps[Number(index)] = {
        ...steps[Number(index)]!,
        fault: fault as Fault,
      };
      return await run(prepared, { announce: false, debug: false, say });
    });
    writeText(1, NEXT_OUTPUT);
    writeText(2, endMark({ status, open: openHere() }));
  }
  return status;
}
