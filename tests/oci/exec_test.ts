/** exec in the states of its container, and what ends with what. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { test, until } from "../_harness.ts";
import { keepBurying } from "../_host.ts";
import { Session } from "../_session.ts";
import {
  bury,
  detached,
  exec,
  isGone,
  prints,
  running,
  SLEEP,
  words,
} from "../_exec.ts";

test("exec needs a running container", async () => {
  await using bundle = await Bundle.make(SLEEP);
  await bundle.create("one");
  assertEquals(await prints(bundle, "echo created"), "created");
  await bundle.does("start", "one");
  await bundle.does("pause", "one");
  const refused = await exec(bundle, ["one", "true"]);
  assertEquals(refused.status, 125);
  assertStringIncludes(refused.stderr, "cannot exec in a paused container");
  const later = exec(bundle, ["--ignore-paused", "one", "echo", "later"]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await bundle.does("resume", "one");
  assertEquals((await later).stdout, "later\n");
  await bundle.does("kill", "one", "KILL");
  await until(
    "it is stopped",
    async () => await bundle.status("one") === "stopped",
  );
  const { status, stderr } = await exec(bundle, ["one", "true"]);
  assertEquals(status, 125);
  assertStringIncludes(stderr, "cannot exec in a stopped container");
}, { rootOnly: "it takes a cgroup of the container's own" });

test("exec leaves a process alone that has only the number of the container's", async () => {
  await using container = await running();
  const { bundle } = container;
  const file = `${bundle.dir.path}/state/one/state.json`;
  const text = await Deno.readTextFile(file);
  const record = JSON.parse(text);
  await Deno.writeTextFile(
    file,
    JSON.stringify({ ...record, startTime: `${record.startTime - 1}` }),
  );
  const { status, stderr } = await exec(bundle, ["one", "true"]);
  assertEquals(status, 125);
  assertStringIncludes(stderr, "cannot exec in a stopped container");
  await Deno.writeTextFile(file, text);
});

test("exec returns the command's status, and forwards signals", async () => {
  await using container = await running();
  const { bundle } = container;
  for (
    const [script, status] of [["exit 7", 7], ["kill -9 $$", 137]] as const
  ) {
    assertEquals(
      (await exec(bundle, ["one", "sh", "-c", script])).status,
      status,
    );
  }
  await using session = new Session(words(
    bundle,
    ...["exec", "one", "sh", "-c"],
    "trap 'echo caught; exit 5' TERM; echo here; while :; do sleep 0.1; done",
  ));
  await session.expect(/here/);
  session.kill("SIGTERM");
  await session.expect(/caught/);
  assertEquals(await session.end(), 5);
});

test("killing exec ends its command", async () => {
  // Until the container is deleted, which waits for all of its processes.
  using _burying = keepBurying();
  await using container = await running();
  const { bundle, pid } = container;
  await using session = new Session(
    words(bundle, "exec", "one", "sh", "-c", "echo here; sleep 1000"),
  );
  await session.expect(/here/);
  const others = JSON.parse(await bundle.does("ps", "--format", "json", "one"))
    .filter((each: number) => each !== pid) as number[];
  session.kill("SIGKILL");
  await until("the command is gone", () => isGone(others[0]!));
  assertEquals(await bundle.status("one"), "running");
});

test("kill --all reaches processes of exec", async () => {
  await using container = await running();
  const { bundle, pid } = container;
  const file = `${bundle.dir.path}/pid`;
  await detached(bundle, ["--pid-file", file], SLEEP);
  const other = Number(await Deno.readTextFile(file));
  using _buried = bury(other);
  await bundle.does("kill", "--all", "one", "KILL");
  await until("both are gone", () => isGone(pid) && isGone(other));
});

test("exec works many times at once", async () => {
  await using container = await running();
  const { bundle } = container;
  const results = await Promise.all(
    Array.from({ length: 12 }, (_, n) => exec(bundle, ["one", "echo", `${n}`])),
  );
  assertEquals(
    results.map(({ status, stdout, stderr }) => [status, stdout, stderr]),
    results.map((_, n) => [0, `${n}\n`, ""]),
  );
});

test("the end of a container ends its exec processes, and exec returns that status", async () => {
  await using container = await running();
  const { bundle } = container;
  await using session = new Session(
    words(bundle, "exec", "one", "sh", "-c", "echo here; sleep 1000"),
  );
  await session.expect(/here/);
  await bundle.does("delete", "--force", "one");
  assertEquals(await session.end(), 137);
});
