/** Commands for a running container: ps, pause, resume, update, events. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertGreater,
  assertStringIncludes,
} from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { words } from "../_exec.ts";
import { container, TempDir, test, until } from "../_harness.ts";
import { Session } from "../_session.ts";

const SLEEP = ["sleep", "1000"];
const COUNT = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/out; done"];

async function run(bundle: Bundle, id: string): Promise<number> {
  await bundle.create(id);
  await bundle.does("start", id);
  return JSON.parse(await bundle.does("state", id)).pid;
}

const refuses = async (
  bundle: Bundle,
  text: string,
  ...words: [string, ...string[]]
) => {
  const { status, stderr } = await bundle.call(...words);
  assertEquals(status === 0, false, words.join(" "));
  assertStringIncludes(stderr, text, words.join(" "));
};

/** The text of a process's limit, in the cgroup of the right version. */
async function limit(pid: number, v1: string, v2: string): Promise<string> {
  const [controller] = v1.split(".");
  const line = (await Deno.readTextFile(`/proc/${pid}/cgroup`)).split("\n")
    .map((line) => line.split(":"))
    .find(([, names]) => names!.split(",").includes(controller!));
  const path = line
    ? `/sys/fs/cgroup/${line[1]}${line[2]}/${v1}`
    : `/sys/fs/cgroup${
      (await Deno.readTextFile(`/proc/${pid}/cgroup`)).trim().split("::")[1]
    }/${v2}`;
  return (await Deno.readTextFile(path)).trim();
}

test("ps lists processes by their numbers on the host", async () => {
  await using bundle = await Bundle.make([
    "sh",
    "-c",
    "sleep 1000 & sleep 999",
  ]);
  const pid = await run(bundle, "one");
  let pids: number[] = [];
  await until("both are there", async () => {
    pids = JSON.parse(await bundle.does("ps", "--format", "json", "one"));
    return pids.length === 3 || pids.length === 2;
  });
  assert(pids.includes(pid), `${pids}`);
  const table = await bundle.does("ps", "one");
  assertStringIncludes(table.split("\n")[0]!, "PID");
  assertStringIncludes(table, "sleep 999");
  assertEquals(table.trim().split("\n").length, pids.length + 1);
  const other = await bundle.does("ps", "one", "-o", "pid,comm");
  assertStringIncludes(other, `${pid} `);
  await bundle.does("kill", "one", "KILL");
  await until(
    "it is stopped",
    async () => await bundle.status("one") === "stopped",
  );
  assertEquals(await bundle.does("ps", "--format", "json", "one"), "[]\n");
  await refuses(bundle, "does not exist", "ps", "nobody");
  await refuses(bundle, "invalid format", "ps", "--format", "yaml", "one");
}, {
  rootOnly:
    "the host's ps(1) may be closed to a user; their numbers are in rootless_bundle_test.ts",
});

test("pause stops all processes, and resume continues them", async () => {
  await using bundle = await Bundle.make(COUNT);
  await run(bundle, "one");
  const read = () => Deno.readTextFile(`${bundle.dir.path}/rootfs/out`);
  await until(
    "it counts",
    async () => Number(await read().catch(() => "")) > 0,
  );
  await bundle.does("pause", "one");
  assertEquals(await bundle.status("one"), "paused");
  const then = await read();
  await new Promise((resolve) => setTimeout(resolve, 300));
  assertEquals(await read(), then);
  await refuses(bundle, "container not running", "pause", "one");
  await refuses(bundle, "that is not stopped: paused", "delete", "one");
  await bundle.does("resume", "one");
  assertEquals(await bundle.status("one"), "running");
  await until("it counts on", async () => await read() !== then);
  await refuses(bundle, "container not paused", "resume", "one");
}, { rootOnly: "it takes a cgroup of the container's own" });

test("kill and delete end a paused container", async () => {
  await using bundle = await Bundle.make(SLEEP);
  await run(bundle, "one");
  await bundle.does("pause", "one");
  await bundle.does("kill", "one", "KILL");
  await until(
    "it is stopped",
    async () => await bundle.status("one") === "stopped",
  );
  await bundle.does("delete", "one");
  await run(bundle, "two");
  await bundle.does("pause", "two");
  await bundle.does("delete", "--force", "two");
  await refuses(bundle, "does not exist", "state", "two");
}, { rootOnly: "it takes a cgroup of the container's own" });

test(
  "update changes limits by flags, by a file and by standard input",
  async () => {
    await using bundle = await Bundle.make(SLEEP);
    const pid = await run(bundle, "one");
    const memory = () => limit(pid, "memory.limit_in_bytes", "memory.max");
    const pids = () => limit(pid, "pids.max", "pids.max");
    await bundle.does("update", "--memory", "64m", "--pids-limit", "7", "one");
    assertEquals([await memory(), await pids()], [String(64 << 20), "7"]);
    const file = `${bundle.dir.path}/resources.json`;
    // As engines write it, where 0 means no change.
    await Deno.writeTextFile(
      file,
      JSON.stringify({
        memory: { limit: 32 << 20, reservation: 0, swap: 0 },
        cpu: { shares: 0, quota: 0, period: 0, cpus: "", mems: "" },
        blockIO: { weight: 0 },
        devices: [{ allow: false, access: "rwm" }],
        pids: { limit: 0 },
      }),
    );
    await bundle.does("update", "--resources", file, "one");
    assertEquals([await memory(), await pids()], [String(32 << 20), "7"]);
    const { status, stderr } = await container([
      ...["--root", `${bundle.dir.path}/state`],
      ...["update", "--resources=-", "one"],
    ], { stdin: JSON.stringify({ pids: { limit: 9 } }) });
    assertEquals([status, stderr], [0, ""]);
    assertEquals(await pids(), "9");
    await refuses(bundle, "pids.limit: expected", ...[
      "update",
      "--resources",
      await written(bundle, '{"pids":{"limit":"lots"}}'),
      "one",
    ] as [string, ...string[]]);
    await refuses(bundle, "no such file", "update", "-r", "/nowhere", "one");
  },
  { rootOnly: "it takes a cgroup of the container's own" },
);

const written = async (bundle: Bundle, text: string) => {
  const path = `${bundle.dir.path}/given.json`;
  await Deno.writeTextFile(path, text);
  return path;
};

test(
  "update refuses a controller that the container was started without",
  async () => {
    await using bundle = await Bundle.make(SLEEP);
    const pid = await run(bundle, "one");
    await bundle.does("update", "--cpuset-cpus", "0", "one");
    assertEquals(await limit(pid, "cpuset.cpus", "cpuset.cpus"), "0");
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    assertEquals(status.match(/^Cpus_allowed_list:\s*(.*)$/m)?.[1], "0");
  },
  { rootOnly: "it takes a cgroup of the container's own" },
);

test("events prints statistics in the form of runc", async () => {
  await using bundle = await Bundle.make(COUNT);
  await run(bundle, "one");
  const { type, id, data } = JSON.parse(
    await bundle.does("events", "--stats", "one"),
  );
  assertEquals([type, id], ["stats", "one"]);
  assertGreater(data.cpu.usage.total, 0);
  assertGreater(data.memory.usage.usage, 0);
  assertGreater(data.pids.current, 0);
  // Until the container ends.
  await using all = new Session(
    words(bundle, "events", "--interval", "100ms", "one"),
  );
  for (let line = 0; line < 3; line++) await all.expect(/\n/);
  await bundle.does("kill", "one", "KILL");
  assertEquals(await all.end(), 0);
  const lines = all.output.trim().split("\n").map((line) => JSON.parse(line));
  assertGreater(lines.length, 1);
  assert(lines.every(({ type }) => type === "stats"), all.output);
  await refuses(bundle, "is not running", "events", "--stats", "one");
}, { rootOnly: "it takes a cgroup of the container's own" });

/** Fills the memory of the container after a while. */
const HOG = 'x=$(head -c 60000000 /dev/zero | tr "\\0" a)';

for (
  const [who, script] of [
    ["", `sleep 2; sh -c '${HOG}'; sleep 2`],
    [" that ends it", `sleep 2; ${HOG}; sleep 2`],
  ] as const
) {
  test(`events reports a kill because of memory${who}`, async () => {
    await using bundle = await Bundle.make(["sh", "-c", script], (config) => {
      config.linux.resources = { memory: { limit: 32 << 20, swap: 32 << 20 } };
    });
    await run(bundle, "one");
    const stdout = await bundle.does("events", "--interval", "1h", "one");
    assertStringIncludes(stdout, '{"type":"oom","id":"one"}');
  }, { rootOnly: "it takes a cgroup of the container's own" });
}

test("delete waits for a new container with the same id that has taken the place", async () => {
  await using dir = new TempDir();
  const directory = `${dir.path}/one`;
  const lay = async (bundle: string) => {
    await Deno.mkdir(directory);
    await Deno.writeTextFile(
      `${directory}/state.json`,
      JSON.stringify({
        ...{ id: "one", bundle, pid: 1 << 22, startTime: "1", created: "" },
        ...{
          cgroup: null,
          spec: { root: { path: "/" }, process: {}, linux: {} },
        },
      }),
    );
    const lock = await Deno.open(`${directory}/lock`, {
      create: true,
      write: true,
    });
    await lock.lock(true);
    return lock;
  };
  using first = await lay("/first");
  let ended = false;
  const removal = container(["--root", dir.path, "delete", "one"])
    .finally(() => ended = true);
  const pause = () => new Promise((resolve) => setTimeout(resolve, 700));
  await pause();
  await Deno.remove(directory, { recursive: true });
  using second = await lay("/second");
  await first.unlock();
  await pause();
  assertEquals(ended, false, "it waits for the lock that counts");
  await second.unlock();
  const { status, stderr } = await removal;
  assertEquals([status, stderr], [0, ""]);
  assertEquals(await Array.fromAsync(Deno.readDir(dir.path)), []);
});

test("state works for a container that another command has locked", async () => {
  await using bundle = await Bundle.make(["sleep", "100"]);
  await bundle.create("one");
  using lock = await Deno.open(`${bundle.dir.path}/state/one/lock`, {
    write: true,
  });
  await lock.lock(true);
  assertEquals(await bundle.status("one"), "created");
  await lock.unlock();
});
