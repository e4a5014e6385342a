/**
 * Limits that are raised in a user namespace, which needs CAP_SYS_RESOURCE of
 * the machine's root.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import type { Config } from "../_config.ts";
import { running, words } from "../_exec.ts";
import { decode, quote, test } from "../_harness.ts";
import { joining, sandbox } from "../_pod.ts";

const skip = Deno.env.has("CONTAINER_VM")
  ? null
  : "only in a virtual machine, see deno task test:vm";

const RLIMITS = [{ type: "RLIMIT_NOFILE", soft: 3000, hard: 4000 }];

/** The output of a command of the runtime whose own limit is lower. */
async function limited(bundle: Bundle, ...args: string[]): Promise<string> {
  const line = words(bundle, ...args).map(quote).join(" ");
  const { stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", `ulimit -n 2048; exec ${line}`],
  }).output();
  return decode(stdout) + decode(stderr);
}

const raising = (change: (config: Config) => void) => (config: Config) => {
  change(config);
  Object.assign(config.process, { rlimits: RLIMITS });
};

for (const shared of [false, true]) {
  test(
    `create raises limits in a user namespace ${
      shared ? "that is joined" : "of its own"
    }`,
    async () => {
      await using pod = await running(sandbox);
      await using bundle = await Bundle.make(
        ["sh", "-c", "ulimit -Sn; ulimit -Hn"],
        raising(shared ? joining(pod.pid) : sandbox),
      );
      assertEquals(
        await limited(bundle, "run", "--bundle", bundle.dir.path, "two"),
        "3000\n4000\n",
      );
    },
    { skip },
  );
}

test("exec raises limits in a user namespace", async () => {
  await using pod = await running(raising(sandbox));
  assertEquals(
    await limited(pod.bundle, "exec", "one", "sh", "-c", "ulimit -Hn"),
    "4000\n",
  );
}, { skip });
