/** Members of a process in config.json for which `run` has no flags. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { words } from "../_exec.ts";
import { quote, test, without } from "../_harness.ts";
import { rootOf } from "../_host.ts";

async function createWith(
  process: Record<string, unknown>,
  linux: Record<string, unknown> = {},
): Promise<Bundle> {
  return await Bundle.make(["sleep", "1000"], (config) => {
    Object.assign(config.process, process);
    Object.assign(config.linux, linux);
  });
}

async function pidOf(bundle: Bundle): Promise<number> {
  await bundle.create("one");
  await bundle.does("start", "one");
  return JSON.parse(await bundle.does("state", "one")).pid;
}

async function output(...words: [string, ...string[]]): Promise<string> {
  const [program, ...args] = words;
  const { stdout } = await new Deno.Command(program, { args }).output();
  return new TextDecoder().decode(stdout);
}

test("process.ioPriority sets the priority of the process", async () => {
  await using bundle = await createWith({
    ioPriority: { class: "IOPRIO_CLASS_BE", priority: 6 },
  });
  const pid = await pidOf(bundle);
  assertEquals(
    await output("ionice", "-p", String(pid)),
    "best-effort: prio 6\n",
  );
}, { skip: without("ionice") });

test("process.scheduler sets the scheduler of the process", async () => {
  await using bundle = await createWith({
    scheduler: { policy: "SCHED_BATCH", nice: 7, flags: [] },
  });
  const pid = await pidOf(bundle);
  assertStringIncludes(await output("chrt", "-p", String(pid)), "SCHED_BATCH");
  const [stat] = (await Deno.readTextFile(`/proc/${pid}/stat`)).split(") ")
    .slice(1);
  assertEquals(stat!.split(" ")[16], "7");
}, { skip: without("chrt") });

test("linux.memoryPolicy sets the memory policy of the process", async () => {
  await using bundle = await createWith({}, {
    memoryPolicy: { mode: "MPOL_BIND", nodes: "0", flags: [] },
  });
  await bundle.create("one");
  const pid = JSON.parse(await bundle.does("state", "one")).pid;
  await bundle.does("start", "one");
  const maps = await Deno.readTextFile(`/proc/${pid}/numa_maps`);
  assertStringIncludes(maps, " bind:0 ");
}, { skip: hasNuma() ? null : "this kernel has no NUMA" });

function hasNuma(): boolean {
  try {
    return Deno.readTextFileSync("/proc/self/numa_maps").length > 0;
  } catch {
    return false;
  }
}

test("create names what the machine or the kernel lacks", async () => {
  const cases: [Record<string, unknown>, Record<string, unknown>, string][] = [
    [{}, { memoryPolicy: { mode: "MPOL_BIND", nodes: "2000" } }, "number 2000"],
    [
      { scheduler: { policy: "SCHED_DEADLINE", runtime: 5, deadline: 3 } },
      {},
      "SCHED_DEADLINE",
    ],
  ];
  for (const [process, linux, text] of cases) {
    await using bundle = await createWith(process, linux);
    const { status, stderr } = await bundle.call(
      "create",
      "--bundle",
      bundle.dir.path,
      "one",
    );
    assertEquals(status, 125, stderr);
    assertStringIncludes(stderr, text);
    assert(!stderr.includes("    at "), stderr);
  }
});

test("create passes no null device of the host to the process", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"]);
  // Here all its streams are /dev/null.
  const pid = await pidOf(bundle);
  const own = await Deno.stat(`${rootOf(pid)}/dev/null`);
  for (const fd of [0, 1, 2]) {
    const stream = await Deno.stat(`/proc/${pid}/fd/${fd}`);
    if (fd === 2 && !stream.isCharDevice) continue;
    assertEquals([stream.dev, stream.ino], [own.dev, own.ino], `${fd}`);
  }
});

test("process.execCPUAffinity applies to exec", async () => {
  await using bundle = await createWith({
    execCPUAffinity: { initial: "0", final: "0" },
  });
  const own = await Deno.readTextFile(`/proc/${await pidOf(bundle)}/status`);
  const added = await bundle.does("exec", "one", "cat", "/proc/self/status");
  const allowed = /^Cpus_allowed_list:\t(.*)$/m;
  assert(own.match(allowed)![1] !== "0");
  assertEquals(added.match(allowed)![1], "0");
}, { skip: navigator.hardwareConcurrency > 1 ? null : "one processor" });

/** Its streams are pipes of ours, like those of an engine. */
const ASKS = ["sh", "-c", "umask; echo a >/dev/stdout; echo b >/dev/stderr"];

test("an ordinary user can reopen the streams of its process", async () => {
  await using bundle = await createWith({
    args: ASKS,
    user: { uid: 1000, gid: 1000 },
  });
  const { status, stdout, stderr } = await bundle.call(
    "run",
    "--bundle",
    bundle.dir.path,
    "one",
  );
  assertEquals([status, stdout, stderr], [0, "0022\na\n", "b\n"]);
});

test("the user of an exec can reopen its streams", async () => {
  await using bundle = await createWith({});
  await pidOf(bundle);
  const { status, stdout, stderr } = await bundle.call(
    "exec",
    ...["--user", "1000", "one", ...ASKS],
  );
  assertEquals([status, stdout, stderr], [0, "0022\na\n", "b\n"]);
});

test("a file of the caller keeps its owner", async () => {
  await using bundle = await createWith({
    args: ["id", "-u"],
    user: { uid: 1000, gid: 1000 },
  });
  const file = `${bundle.dir.path}/out`;
  const line = words(bundle, "run", "--bundle", bundle.dir.path, "one")
    .map(quote).join(" ");
  const { code } = await new Deno.Command("sh", {
    args: ["-c", `umask 0; exec ${line} >${quote(file)}`],
  }).output();
  assertEquals([code, await Deno.readTextFile(file)], [0, "1000\n"]);
  assertEquals((await Deno.stat(file)).uid, 0);
});

test("a bundle does not get the umask of its caller", async () => {
  await using bundle = await createWith({ args: ["sh", "-c", "umask"] });
  const line = words(bundle, "run", "--bundle", bundle.dir.path, "one")
    .map(quote).join(" ");
  const { code, stdout } = await new Deno.Command("sh", {
    args: ["-c", `umask 077; exec ${line}`],
  }).output();
  assertEquals([code, new TextDecoder().decode(stdout)], [0, "0022\n"]);
});
