/** What config.json can say of a process and `run` has no flag for. */

// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "./_bundle.ts";
import { test, without } from "./_harness.ts";

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

test("process.ioPriority is the process's", async () => {
  await using bundle = await createWith({
    ioPriority: { class: "IOPRIO_CLASS_BE", priority: 6 },
  });
  const pid = await pidOf(bundle);
  assertEquals(
    await output("ionice", "-p", String(pid)),
    "best-effort: prio 6\n",
  );
}, { skip: without("ionice") });

test("process.scheduler is the process's", async () => {
  await using bundle = await createWith({
    scheduler: { policy: "SCHED_BATCH", nice: 7, flags: [] },
  });
  const pid = await pidOf(bundle);
  assertStringIncludes(await output("chrt", "-p", String(pid)), "SCHED_BATCH");
  const [stat] = (await Deno.readTextFile(`/proc/${pid}/stat`)).split(") ")
    .slice(1);
  assertEquals(stat!.split(" ")[16], "7");
}, { skip: without("chrt") });

test("linux.memoryPolicy is the process's", async () => {
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

test("what the machine or the kernel does not have is refused by name", async () => {
  const cases: [Record<string, unknown>, Record<string, unknown>, string][] = [
    [{}, { memoryPolicy: { mode: "MPOL_BIND", nodes: "2000" } }, "node 2000"],
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

test("the host's null device is not among the streams of what is created", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"]);
  // Its streams are all /dev/null here.
  const pid = await pidOf(bundle);
  const own = await Deno.stat(`/proc/${pid}/root/dev/null`);
  for (const fd of [0, 1, 2]) {
    const stream = await Deno.stat(`/proc/${pid}/fd/${fd}`);
    if (fd === 2 && !stream.isCharDevice) continue;
    assertEquals([stream.dev, stream.ino], [own.dev, own.ino], `${fd}`);
  }
});
