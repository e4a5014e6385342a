/** Names, ids and short ids. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readFile } from "../../cgroup/apply.ts";
import { Daily } from "../_daily.ts";
import { rootfs, test } from "../_harness.ts";

test("a container is found by id, by name and by a short id", async () => {
  await using daily = new Daily();
  const id = await daily.run("--name", "web", "sleep", "1000");
  for (const word of [id, "web", id.slice(0, 12), id.slice(0, 5)]) {
    assertEquals((await daily.inspect(word)).Id, id, word);
  }
  for (const word of ["we", "nobody", "..", "@names", ""]) {
    const { status, stderr } = await daily.call("inspect", word);
    assertEquals(status, 125, word);
    assertStringIncludes(stderr, "does not exist");
  }
});

test("an ambiguous short id is refused, with a list of both ids", async () => {
  await using daily = new Daily();
  const ids: string[] = [];
  const seen = new Set<string>();
  let first = "";
  while (!first) {
    const id = await daily.run("true");
    ids.push(id);
    if (seen.has(id[0]!)) first = id[0]!;
    seen.add(id[0]!);
  }
  const { status, stderr } = await daily.call("rm", first);
  assertEquals(status, 125);
  for (const id of ids.filter((id) => id[0] === first)) {
    assertStringIncludes(stderr, id.slice(0, 12));
  }
});

test("only one of many concurrent runs gets the name", async () => {
  await using daily = new Daily();
  const results = await Promise.all(
    Array.from({ length: 4 }, () =>
      daily.call(
        ...[
          "run",
          "-dq",
          "--name",
          "one",
          "--rootfs",
          rootfs(),
          "sleep",
          "1000",
        ],
      )),
  );
  const won = results.filter(({ status }) => status === 0);
  assertEquals(won.length, 1, JSON.stringify(results));
  for (const { status, stderr } of results) {
    if (status !== 0) assertStringIncludes(stderr, "already in use");
  }
  assertEquals((await daily.inspect("one")).Id, won[0]!.stdout.trim());
  assertEquals((await daily.does("ps", "-aq")).trim().split("\n").length, 1);
});

test("rename and rm free a name", async () => {
  await using daily = new Daily();
  const id = await daily.run("--name", "one", "sleep", "1000");
  await daily.run("--name", "two", "sleep", "1000");
  assertEquals((await daily.call("rename", "one", "two")).status, 125);
  assertEquals((await daily.call("rename", "one", "a b")).status, 125);
  assertEquals(await daily.does("rename", "one", "three"), "");
  assertEquals((await daily.inspect("three")).Id, id);
  assertEquals((await daily.call("inspect", "one")).status, 125);
  await daily.does("rm", "-f", "two");
  await daily.run("--name", "one", "true");
  await daily.run("--name", "two", "true");
});

test("ps filters by name, status and label, and refuses other filters", async () => {
  await using daily = new Daily();
  await daily.run(
    "--name",
    "web-1",
    "-l",
    "tier=front",
    "-l",
    "x",
    "sleep",
    "1000",
  );
  await daily.run("--name", "web-2", "--label", "tier=back", "sleep", "1000");
  await daily.run("--name", "job", "false");
  await daily.is("job", "exited");
  const names = async (...args: string[]) =>
    JSON.parse(await daily.does("ps", "--format", "json", ...args))
      .map(({ name }: { name: string }) => name).sort();
  assertEquals(await names(), ["web-1", "web-2"]);
  assertEquals(await names("-a"), ["job", "web-1", "web-2"]);
  assertEquals(await names("--filter", "status=exited"), ["job"]);
  assertEquals(await names("--filter", "name=web"), ["web-1", "web-2"]);
  assertEquals(await names("--filter", "label=tier"), ["web-1", "web-2"]);
  assertEquals(await names("--filter", "label=tier=back"), ["web-2"]);
  assertEquals(
    await names("--filter", "label=tier=front", "--filter", "label=x"),
    ["web-1"],
  );
  assertEquals(await names("-l"), ["job"]);
  assertEquals(await names("-n", "2"), ["job", "web-2"]);
  for (const filter of ["color=red", "status=asleep", "name"]) {
    const { status, stderr } = await daily.call("ps", "--filter", filter);
    assertEquals(status, 125, filter);
    assert(stderr.includes(filter.split("=")[0]!), stderr);
  }
});

test("port prints nothing for a container without ports, and refuses a missing one", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "sleep", "1000");
  assertEquals(await daily.does("port", "one"), "");
  assertEquals((await daily.call("port", "two")).status, 125);
});

/** The descriptor of this process that has a file open. */
function descriptorOf(file: string): string {
  const found = [...Deno.readDirSync("/proc/self/fd")].find(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`) === file;
    } catch {
      return false;
    }
  });
  return `/proc/self/fd/${found?.name}`;
}

test("readFile() returns null for a process that ends while it is read", async () => {
  const child = new Deno.Command("sleep", { args: ["1000"] }).spawn();
  using file = await Deno.open(`/proc/${child.pid}/stat`);
  const path = descriptorOf(`/proc/${child.pid}/stat`);
  assert(readFile(path)?.startsWith(`${child.pid} `));
  child.kill("SIGKILL");
  await child.status;
  // The file can be opened through the descriptor, but reading it gives ESRCH.
  assertEquals(readFile(path), null);
  assert((await file.stat()).isFile);
});

test("flags may follow names, and their values are not taken as names", async () => {
  await using daily = new Daily();
  const id = await daily.run("--name", "one", "sleep", "1000");
  // Containers with the names that are values of flags below.
  await daily.run("--name", "0", "sleep", "1000");
  assertEquals(await daily.does("stop", "one", "-t", "0"), "one\n");
  assertEquals(await daily.does("start", "one", "--quiet"), "");
  assertEquals(await daily.does("restart", "one", "-qt", "0"), "");
  assertEquals(await daily.does("kill", "one", "-s", "KILL"), "one\n");
  assertEquals(
    JSON.parse(await daily.does("wait", "one", "--format", "json")),
    [{ id, exitCode: 137 }],
  );
  assertEquals(await daily.does("logs", "one", "--tail", "0"), "");
  assertEquals(await daily.does("rm", "one", "-f"), "one\n");
  await daily.is("0", "running");
  const refused = async (text: string, ...words: string[]) => {
    const { status, stderr } = await daily.call(...words);
    assertEquals([status, stderr], [125, `container: ${text}\n`]);
  };
  await refused(
    "Unexpected word 0: prune takes flags only. See container prune --help.",
    ...["prune", "0"],
  );
  await refused("Unknown flag -9. Use --signal 9.", "kill", "-9", "0");
  await refused(
    "HUPP is neither a signal nor a container. No signal was sent. See signal(7), and `container ps`.",
    ...["kill", "0", "HUPP"],
  );
  await refused(
    "--filter nope=…: unknown filter. The keys are name, id, status and label.",
    ...["prune", "--filter", "name=none", "--filter", "nope=1"],
  );
  await daily.is("0", "running");
  // It is also the number of a signal.
  await refused(
    "Cannot tell whether 0 is a signal or a container. Give the signal with --signal.",
    ...["kill", "0", "0"],
  );
});

test("a name given twice counts once, and two commands with opposite orders both end", async () => {
  await using daily = new Daily();
  for (const name of ["one", "two"]) {
    await daily.run("--name", name, "sleep", "1000");
  }
  assertEquals(await daily.does("stop", "-t0", "one", "one"), "one\none\n");
  assertEquals(await daily.does("start", "one", "one"), "one\none\n");
  // Each holds a lock that the other waits for.
  const [there, back] = await Promise.all([
    daily.call("restart", "-t0", "one", "two"),
    daily.call("restart", "-t0", "two", "one"),
  ]);
  assertEquals([there.status, back.status], [0, 0]);
  assertEquals(
    await daily.does("rm", "-f", "one", "two", "one"),
    "one\ntwo\none\n",
  );
  assertEquals(daily.left(), []);
});
