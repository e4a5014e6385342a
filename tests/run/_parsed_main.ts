/**
 * `container run` from a plan that was written as JSON and parsed again. Started
 * by tests/run/parsed_plan_test.ts. It starts itself again as PID 1.
 *
 *   _parsed_main.ts ARGUMENT…    the arguments of `run`
 *
 * @module
 */

import { parseFlags } from "../../cli/flags.ts";
import { exit, outcomeOf } from "../../cli/outcome.ts";
import { RUN_FLAGS } from "../../cli/run_flags.ts";
import { requesterIn } from "../../containers/decide/requester.ts";
import { THIS_MACHINE } from "../../containers/world/real_world.ts";
import { optionsFromFlags } from "../../cli/run_options.ts";
import { prepare, run } from "../../containers/run/run.ts";

// deno-lint-ignore no-console
const say = (line: string) => console.error(line);

async function runParsed(argv: readonly string[]): Promise<number> {
  const options = optionsFromFlags(
    parseFlags(RUN_FLAGS, argv, "container run"),
    requesterIn(THIS_MACHINE),
  );
  const prepared = await prepare({ options, rootfs: options.rootfs! });
  const plan = JSON.parse(JSON.stringify(prepared.plan));
  return await run({ ...prepared, plan }, {
    announce: false,
    debug: false,
    say,
  });
}

const [first, ...rest] = Deno.args;
exit(
  await outcomeOf(async () =>
    first === "child"
      ? await (await import("../../cli/child.ts")).childCommand.execute(rest)
      : await runParsed(Deno.args)
  ),
);
