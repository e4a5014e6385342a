/** Sandboxes as root: their end, limits, default root filesystem and options. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  ConnectionClosedError,
  ContainerError,
  InvalidMemoryError,
  InvalidTimeoutError,
  OptionError,
  Sandbox,
  type SandboxOptions,
} from "../../mod.ts";
import { descendants } from "../_host.ts";
import { create, test } from "./_sandbox.ts";

test("the end kills every process: double forks, stopped ones, own sessions", async () => {
  const sandbox = await create({ timeout: "2s" });
  await sandbox.sh`(setsid sleep 1000 &); (trap '' TERM HUP; sleep 1001 &)`;
  const stopped = await sandbox.spawn("sh", { args: ["-c", "kill -STOP $$"] });
  assertEquals(descendants(Deno.pid).length >= 4, true);
  await sandbox.closed;
  assertEquals((await stopped.status).signal, "SIGKILL");
  assertEquals(descendants(Deno.pid), []);
  const error = await assertRejects(
    () => sandbox.spawn("true"),
    ConnectionClosedError,
  );
  assertEquals(error.message, "Cannot start a command: the sandbox has ended");
});

test("close(), connect(), extendTimeout() and kill()", async () => {
  const sandbox = await create({ timeout: "1h", labels: { a: "b" } });
  const { id } = sandbox;
  await sandbox.close();
  await sandbox.closed;
  await assertRejects(
    () => sandbox.spawn("true"),
    ConnectionClosedError,
    "closed",
  );
  const again = await Sandbox.connect(id);
  assertEquals(again.labels, { a: "b" });
  assertEquals(await again.sh`echo alive`.text(), "alive\n");
  const until = await again.extendTimeout("5m");
  assert(Math.abs(until.getTime() - Date.now() - 300_000) < 2000);
  await again.kill();
  await again.closed;
  await assertRejects(() => Sandbox.connect(id), ConnectionClosedError);
  const session = await create();
  const other = await Sandbox.connect({ id: session.id });
  await session.close();
  await other.closed;
  assertEquals(descendants(Deno.pid), []);
});

test("limits hold for all commands together, and oom is told", async () => {
  await using sandbox = await create({ memory: "24MiB", pids: 8, cpus: 0.5 });
  const hog = await sandbox.spawn("tail", {
    args: ["/dev/zero"],
    stdout: "null",
  });
  const { success, oom } = await hog.status;
  assertEquals([success, oom], [false, true]);
  const fine = await sandbox.sh`false`.noThrow();
  assertEquals(fine.status.oom, false);
  const forks = await sandbox
    .sh`for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 >/dev/null 2>&1 \& done`
    .stdout("piped").stderr("piped").noThrow();
  assertMatch(forks.stderrText!, /can't fork|Resource temporarily unavailable/);
});

test("the default root is this machine's tree, read-only and without homes", async () => {
  await using sandbox = await Sandbox.create();
  const { stdoutText } = await sandbox
    .sh`touch /usr/x /etc/x 2>/dev/null || echo read-only; touch x && ls; ls -A /root /run /home; cat /etc/shadow 2>/dev/null || echo closed`
    .stdout("piped");
  assertEquals(
    stdoutText,
    "read-only\nx\n/home:\nsandbox\n\n/root:\n\n/run:\nclosed\n",
  );
  // Its root owns nothing of the machine.
  assertEquals(
    await sandbox
      .sh`cat /etc/shadow 2>/dev/null || echo closed; tr -s ' ' </proc/self/uid_map`
      .sudo().text(),
    "closed\n 0 1879048192 65536\n",
  );
});

test("options that are wrong are refused by name", async () => {
  const wrong: [object, string, unknown][] = [
    [{ memroy: 1 }, "memroy: there is no such option", OptionError],
    [
      { memory: "12 apples" },
      "memory: expected an amount of memory",
      InvalidMemoryError,
    ],
    [{ memory: "12TB" }, "memory: unknown unit TB", InvalidMemoryError],
    [{ timeout: "soon" }, "timeout: expected a duration", InvalidTimeoutError],
    [{ timeout: "0s" }, "timeout: must be positive", InvalidTimeoutError],
    [{ image: "a" }, "rootfs: cannot be used together with image", OptionError],
    [
      { allowNet: ["a"] },
      "allowNet: a sandbox cannot reach a network yet",
      OptionError,
    ],
    [{ pids: 0 }, "pids: expected a positive whole number", OptionError],
    [{ cpus: -1 }, "cpus: expected a number of CPUs from 0.01", OptionError],
    [
      { labels: { a: "x".repeat(129) } },
      "labels.a: too long or no text",
      OptionError,
    ],
    [
      { env: { "A=": "" } },
      'env: "A=" is not the name of a variable',
      OptionError,
    ],
    [
      { rootfs: "/nosuch" },
      "Cannot use the root filesystem /nosuch: no such directory",
      ContainerError,
    ],
  ];
  for (const [options, message, type] of wrong) {
    const error = await create(options as SandboxOptions).catch((error) =>
      error
    );
    assertEquals([error.message, error.constructor], [message, type]);
  }
});

test("many at once do not mix, and a row leaves nothing", async () => {
  const texts = await Promise.all(
    Array.from({ length: 30 }, async (_, index) => {
      await using sandbox = await create({ hostname: `box${index}` });
      return await sandbox.sh`hostname`.text();
    }),
  );
  assertEquals(
    texts,
    Array.from({ length: 30 }, (_, index) => `box${index}\n`),
  );
  assertEquals(descendants(Deno.pid), []);
});
