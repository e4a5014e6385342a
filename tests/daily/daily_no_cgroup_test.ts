/**
 * Containers in the background without a cgroup: none is mounted, none can be
 * changed, or none is wanted. Their PID namespace holds their processes.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Daily } from "../_daily.ts";
import { execute, rootfs, test, until, without } from "../_harness.ts";

const CGROUPS = "awk '$3 ~ /^cgroup/ { print $2 }' /proc/mounts";

/** How a machine lacks cgroups: words before each command, and flags. */
const WAYS: Record<string, { before?: string[]; flags?: string[] }> = {
  "no cgroups are mounted": {
    before: inNamespace(`${CGROUPS} | sort -r | xargs -n 1 umount -l`),
  },
  "cgroups are read-only": {
    before: inNamespace(
      `${CGROUPS} | xargs -n 1 mount -o remount,bind,ro`,
    ),
  },
  "--cgroup-manager disabled": { flags: ["--cgroup-manager", "disabled"] },
};

/** Words that run further words in a mount namespace that a script changes. */
function inNamespace(script: string): string[] {
  const line = `${script} && exec "$@"`;
  return ["unshare", "--mount", "sh", "-c", line, "sh"];
}

for (const [way, { before, flags = [] }] of Object.entries(WAYS)) {
  const run = [...flags, "run", "-d", "-q", "--rootfs", rootfs()];

  test(
    `run -d without a cgroup is listed, entered, stopped and started again: ${way}`,
    async () => {
      await using daily = new Daily({ before });
      const mark = 2000 + Deno.pid % 1000 + 0.25;
      const sleepers = async () =>
        Number((await execute(["pgrep", "-fc", `^sleep ${mark}`])).stdout);
      const script = `sleep ${mark} & sleep ${mark} & exec sleep ${mark}`;
      await daily.does(...run, "--name", "one", "sh", "-c", script);
      await until("three", async () => await sleepers() === 3);
      const { Cgroups, State } = await daily.inspect("one");
      assertEquals([Cgroups, State.Status], [[], "running"]);
      assertMatch(await daily.does("ps"), /one/);
      assertEquals(await daily.does("exec", "one", "echo", "in"), "in\n");
      const pids = await daily.does("ps", "--format", "json", "one");
      assertEquals(JSON.parse(pids).length, 3);
      for (const words of [["pause", "one"], ["update", "-m", "64m", "one"]]) {
        const { status, stderr } = await daily.call(...words);
        assertEquals(status, 125, words.join(" "));
        assertMatch(stderr, /it does not have its own cgroup/);
        assertStringIncludes(stderr, "--cgroup-manager disabled");
      }
      await daily.does("stop", "-t", "0", "one");
      assertEquals(await sleepers(), 0);
      await daily.does("start", "one");
      await until("three again", async () => await sleepers() === 3);
      await daily.does("kill", "one");
      await until("none", async () => await sleepers() === 0);
      await daily.does("start", "one");
      await until("three once more", async () => await sleepers() === 3);
      await daily.does("rm", "-f", "one");
      assertEquals(await sleepers(), 0);
      assertEquals(daily.left(), []);
    },
    { skip: without("pgrep") },
  );

  test(
    `what needs a cgroup is refused without one: ${way}`,
    async () => {
      await using daily = new Daily({ before });
      for (
        const [words, message] of [
          [["-m", "64m"], /Cannot limit (memory|resources)/],
          [["--pid", "host"], /neither a cgroup nor a PID namespace/],
        ] as const
      ) {
        const { status, stderr } = await daily.call(...run, ...words, "true");
        assertEquals(status, 125);
        assertMatch(stderr, message);
      }
      const { status, stderr } = await daily.call(
        ...flags,
        ...["run", "-q", "--rootfs", rootfs(), "-m", "64m", "true"],
      );
      assertEquals(status, 125);
      assertMatch(stderr, /Cannot limit (memory|resources)/);
      assertEquals(daily.left(), []);
    },
  );
}
