/** What is left of a container cannot delay the report of its end. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { noAttacker, Target } from "../_attack.ts";
import { Daily } from "../_daily.ts";
import { test, until } from "../_harness.ts";

/** Longer than a busy machine needs, in milliseconds. */
const MOST = 3000;

test(
  "a process that writes to the log without end does not hold up the keeper",
  async () => {
    await using target = await Target.make();
    await using daily = new Daily();
    // In the host's PID namespace, other processes do not end with the first.
    const id = (await daily.does(
      ...["run", "-d", "-q", "--rootfs", target.rootfs, "--log-max-size", "1m"],
      ...["--pid", "host", "attack", "flood"],
    )).trim();
    const begun = performance.now();
    await until(
      "its status is written down",
      async () => {
        const { Running, ExitCode } = (await daily.inspect(id)).State;
        return !Running && ExitCode !== null;
      },
    );
    const took = performance.now() - begun;
    assert(took < MOST, `${took} ms`);
    assertEquals((await daily.inspect(id)).State.ExitCode, 3);
  },
  { skip: noAttacker },
);
