/** `logs`: what the keeper stores, and how it is shown. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Daily } from "../_daily.ts";
import { CONTAINER, decode, test, until } from "../_harness.ts";
import { rootOf } from "../_host.ts";

test("logs shows both streams separately, in order, and with times", async () => {
  await using daily = new Daily();
  await daily.run(
    ...["--name", "one", "sh", "-c"],
    "echo out; sleep 0.1; echo err >&2; sleep 0.1; printf 'no end'",
  );
  await daily.is("one", "exited");
  const { stdout, stderr } = await daily.call("logs", "one");
  assertEquals([stdout, stderr], ["out\nno end", "err\n"]);
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z`;
  const stamped = await daily.call("logs", "-t", "one");
  assertMatch(stamped.stdout, new RegExp(`^${time} out\n${time} no end$`));
  const lines = (await daily.does("logs", "--format", "json", "one")).trim()
    .split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.map(({ stream, log }) => [stream, log]), [
    ["stdout", "out\n"],
    ["stderr", "err\n"],
    ["stdout", "no end"],
  ]);
  const now = Date.now();
  for (const { time } of lines) {
    assert(Math.abs(now - Date.parse(time)) < 60_000, time);
  }
});

test("logs shows bytes unchanged, including zeros, and lines of any length", async () => {
  await using daily = new Daily();
  await daily.run(
    ...["--name", "one", "sh", "-c"],
    String
      .raw`printf 'a\0b\377\n\n'; head -c 100000 /dev/zero | tr '\0' x; echo`,
  );
  await daily.is("one", "exited");
  const { bytes } = await daily.call("logs", "one");
  assertEquals([...bytes.subarray(0, 6)], [97, 0, 98, 255, 10, 10]);
  assertEquals(bytes.length, 6 + 100_001);
  assertEquals(decode(bytes.subarray(6)), `${"x".repeat(100_000)}\n`);
});

test("logs --tail, --since and --until select lines", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "sh", "-c", "seq 5; sleep 0.5; seq 6 8");
  await daily.is("one", "exited");
  const log = (...flags: string[]) => daily.does("logs", ...flags, "one");
  assertEquals(await log("--tail", "2"), "7\n8\n");
  assertEquals(await log("--tail", "0"), "");
  assertEquals(await log("--tail", "all"), await log());
  assertEquals(await log("-n", "100"), "1\n2\n3\n4\n5\n6\n7\n8\n");
  const [, , , , , sixth] = (await log("-t")).split("\n");
  const [time] = sixth!.split(" ");
  assertEquals(await log("--since", time!), "6\n7\n8\n");
  assertEquals(await log("--since", "1h"), await log());
  assertEquals(await log("--until", "1h"), "");
  assertEquals(await log("--since", time!, "--tail", "1"), "8\n");
  for (
    const flags of [["--since", "soon"], ["--tail", "some"], [
      "--format",
      "xml",
    ]]
  ) {
    assertEquals((await daily.call("logs", ...flags, "one")).status, 125);
  }
  assertEquals((await daily.call("logs", "nobody")).status, 125);
  const small = await daily.call("run", "-d", "--log-max-size", "4k", "true");
  assertEquals(small.status, 125);
  assertMatch(small.stderr, /the minimum is 32k/);
});

test("logs -f follows until the container ends", async () => {
  await using daily = new Daily();
  await daily.run(
    "--name",
    "one",
    "sh",
    "-c",
    "echo a; read x </dev/null; sleep 1; echo b",
  );
  const [program, ...words] = CONTAINER;
  const { code, stdout } = await new Deno.Command(program!, {
    args: [...words, "--root", daily.root, "logs", "-f", "one"],
    signal: AbortSignal.timeout(30_000),
  }).output();
  assertEquals([code, decode(stdout)], [0, "a\nb\n"]);
});

test("logs -f continues after a restart of the container, and through a new file", async () => {
  await using daily = new Daily();
  const id = await daily.run(
    ...["--name", "one", "--log-max-size", "64k", "sh", "-c"],
    "i=0; while [ $i -lt 4000 ]; do echo line $i; i=$((i+1)); done; sleep 1; echo last",
  );
  const [program, ...words] = CONTAINER;
  const { stdout } = await new Deno.Command(program!, {
    args: [...words, "--root", daily.root, "logs", "-f", "one"],
    signal: AbortSignal.timeout(30_000),
  }).output();
  assert(decode(stdout).endsWith("line 3999\nlast\n"));
  const size = async (name: string) =>
    (await Deno.stat(`${daily.root}/${id}/${name}`)).size;
  assert(await size("log") <= 64 << 10, "the newer");
  assert(await size("log.1") <= 64 << 10, "the older");
  const kept = (await daily.does("logs", "one")).trim().split("\n");
  assertEquals(kept.at(-1), "last");
  // Whole lines, with none missing in between.
  const numbers = kept.slice(0, -1).map((line) => Number(line.slice(5)));
  assertEquals(numbers, numbers.map((_, at) => numbers[0]! + at));
});

test("a new file of the log begins with a whole line", async () => {
  await using daily = new Daily();
  // Written in blocks, so a block begins and ends within a line.
  await daily.run(
    ...["--name", "one", "--log-max-size", "64k", "sh", "-c"],
    "seq 100000 114000 | dd obs=32k 2>/dev/null",
  );
  await daily.does("wait", "one");
  const kept = (await daily.does("logs", "one")).trimEnd().split("\n");
  assert(kept.length > 1000, `${kept.length} lines`);
  assertEquals(
    kept,
    kept.map((_, at) => String(114001 - kept.length + at)),
  );
});

test("a full disk loses lines of the log, which logs reports, and no container", async () => {
  await using daily = new Daily();
  const { path } = daily.dir;
  await Deno.mkdir(`${path}/small`);
  const mount = await new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", "size=128k", "none", `${path}/small`],
  }).output();
  assert(mount.success);
  const call = (...args: string[]) =>
    daily.call("--root", `${path}/small/state`, ...args);
  try {
    const { status, stderr } = await call(
      ...["run", "-dq", "--name", "one", "--rootfs", `${Deno.cwd()}/fs`],
      ...["--log-max-size", "0", "sh", "-c"],
      "head -c 400000 /dev/zero | tr '\\0' x; while [ ! -e /tmp/go-on ]; do sleep 0.05; done; echo alive; sleep 1000",
    );
    assertEquals([status, stderr], [0, ""]);
    await until("the disk is full", async () => {
      const { stdout } = await new Deno.Command("df", {
        args: ["--output=avail", `${path}/small`],
      }).output();
      return Number(decode(stdout).trim().split("\n")[1]) < 16;
    });
    const view = JSON.parse((await call("inspect", "one")).stdout)[0];
    assertEquals(view.State.Status, "running");
    // Makes room, as an administrator would.
    await Deno.truncate(view.LogPath, 0);
    await Deno.writeTextFile(`${rootOf(view.State.Pid)}/tmp/go-on`, "");
    await until(
      "it is told",
      async () => (await call("logs", "one")).stdout.includes("alive"),
    );
    const said = await call("logs", "one");
    assertMatch(
      said.stderr,
      /container: \d+ bytes of the log could not be written/,
    );
    await Deno.remove(`${rootOf(view.State.Pid)}/tmp/go-on`);
  } finally {
    await call("rm", "-f", "one");
    await new Deno.Command("umount", { args: [`${path}/small`] }).output();
  }
});
