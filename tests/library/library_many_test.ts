/**
 * Many containers of the library: at once, in a row, from two programs, from a
 * worker. CONTAINER_STRESS=10000 makes the row that long.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { descendants } from "../_host.ts";
import { execute, REPOSITORY, rootfs, TempDir, until } from "../_harness.ts";
import { output, start, test } from "../_library.ts";

const AT_ONCE = 100;
const asked = Number(Deno.env.get("CONTAINER_STRESS"));
const IN_A_ROW = asked > 1000 ? asked : 1000;
/** Containers until everything that is kept has been made. */
const WARM_UP = 1500;
/** MiB: Deno's own fluctuation. A KiB for each of 10000 containers is as much. */
const GROWTH = 9;

test(`${AT_ONCE} containers at once do not mix up their streams`, async () => {
  const results = await Promise.all(
    Array.from({ length: AT_ONCE }, (_, index) =>
      output([
        "sh",
        "-c",
        `head -c 200000 /dev/zero; echo ${index}; echo err${index} >&2; exit ${index}`,
      ], { hostname: `box${index % 3}` })),
  );
  for (const [index, { code, stdout, stderr }] of results.entries()) {
    assertEquals([code, stderr], [index, `err${index}\n`]);
    assertEquals(stdout.length, 200_000 + `${index}\n`.length);
    assert(stdout.endsWith(`\0${index}\n`));
  }
});

test(`${AT_ONCE} running containers end when they are disposed of`, async () => {
  {
    await using all = new AsyncDisposableStack();
    const containers = await Promise.all(
      Array.from(
        { length: AT_ONCE },
        () =>
          start(["sh", "-c", "sleep 1000 & echo ready; wait"], {
            stdout: "piped",
          }),
      ),
    );
    for (const container of containers) {
      all.use(container);
      await container.stdout.getReader().read();
    }
    assertEquals(descendants(Deno.pid).length, 2 * AT_ONCE);
  }
  assertEquals(descendants(Deno.pid), []);
});

/** The words of a program that uses the library. */
const program = (body: string, flags: readonly string[] = []) => [
  Deno.execPath(),
  ...["eval", "--no-check", ...flags, `--config=${REPOSITORY}/deno.json`],
  `import { run } from "${REPOSITORY}/mod.ts";
   const rootfs = ${JSON.stringify(rootfs())};
   ${body}`,
];

test(
  `${IN_A_ROW} containers in a row leak no memory and descriptors, ${
    asked > 1000 ? "as asked" : "more with CONTAINER_STRESS=10000"
  }`,
  async () => {
    const { stdout, stderr } = await execute(
      program(
        `// After a collection, so only what is kept counts.
      const resident = () => (gc(), gc(),
        Number(/VmRSS:\\s*(\\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))[1]));
      const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
      async function once(index) {
        await using container = await run({
          rootfs, command: ["echo", "x"], stdout: "piped",
          // Not always the same plan.
          hostname: index % 10 ? "box" : "box" + index,
        });
        const text = await new Response(container.stdout).text();
        const { code } = await container.status;
        if (text !== "x\\n" || code !== 0) throw new Error(text + code);
      }
      for (let index = 0; index < ${WARM_UP}; index++) await once(index);
      const before = [resident(), open()];
      for (let index = 0; index < ${IN_A_ROW}; index++) await once(index);
      console.log(JSON.stringify([before, [resident(), open()]]));`,
        // A small young generation of fixed size: growth shows what is kept.
        ["--v8-flags=--max-semi-space-size=1,--expose-gc"],
      ),
      { patience: 100 * (IN_A_ROW + WARM_UP) },
    );
    assertEquals(stderr, "");
    const [[memory, files], [memoryNow, filesNow]] = JSON.parse(stdout);
    assertEquals(filesNow, files);
    const growth = (memoryNow - memory) / 1024;
    assert(growth < GROWTH, `${growth.toFixed(1)} MiB more`);
  },
);

test("two programs at once do not disturb each other", async () => {
  const body = `for (let index = 0; index < 20; index++) {
    await using container = await run({
      rootfs, command: ["sh", "-c", "hostname; exit " + index],
      stdout: "piped", resources: { pids: { limit: 20 } },
    });
    const text = await new Response(container.stdout).text();
    const { code } = await container.status;
    console.log(text.trim(), code);
  }`;
  const expected = Array.from(
    { length: 20 },
    (_, index) => `container ${index}\n`,
  );
  const [one, two] = await Promise.all([
    execute(program(body)),
    execute(program(body)),
  ]);
  assertEquals([one.stderr, one.stdout], ["", expected.join("")]);
  assertEquals([two.stderr, two.stdout], ["", expected.join("")]);
});

test("killing a program ends its containers", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: program(`
      const all = [];
      for (let index = 0; index < 3; index++) {
        all.push(await run({ rootfs, command: ["sleep", "1000"] }));
      }
      console.log("ready");`).slice(1),
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  const [known] = descendants(Deno.pid).filter(({ pid }) => pid === child.pid);
  assert(known);
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  await until(
    "the containers are gone",
    () => !descendants(Deno.pid).some(({ state }) => state === "S"),
  );
});

test("a program ends by itself after its containers have ended", async () => {
  const { status, stdout } = await execute(program(`
    const container = await run({ rootfs, command: ["sleep", "0.2"] });
    container.status.then(({ code }) => console.log("ended", code));`));
  assertEquals([status, stdout], [0, "ended 0\n"]);
});

test("a worker's containers end with the worker", async () => {
  await using dir = new TempDir();
  await Deno.writeTextFile(
    `${dir.path}/worker.ts`,
    `import { run } from "${REPOSITORY}/mod.ts";
     const rootfs = ${JSON.stringify(rootfs())};
     const first = await run({ rootfs, command: ["echo", "hi"], stdout: "piped" });
     const text = await new Response(first.stdout).text();
     await first.status;
     const second = await run({ rootfs, command: ["sleep", "1000"] });
     self.postMessage(text + second.pid);`,
  );
  await Deno.writeTextFile(
    `${dir.path}/main.ts`,
    `const worker = new Worker(import.meta.resolve("./worker.ts"), { type: "module" });
     const told = await new Promise((resolve) => worker.onmessage = (event) => resolve(event.data));
     const [text, pid] = told.split("\\n");
     const alive = () => { try { return !/\\) Z /.test(Deno.readTextFileSync("/proc/" + pid + "/stat")); } catch { return false; } };
     console.log(text, alive());
     worker.terminate();
     const started = performance.now();
     while (alive() && performance.now() - started < 20000) await new Promise((resolve) => setTimeout(resolve, 50));
     console.log(alive());`,
  );
  const { stdout, stderr } = await execute([
    Deno.execPath(),
    ...["run", "-A", "--no-check", `--config=${REPOSITORY}/deno.json`],
    `${dir.path}/main.ts`,
  ]);
  assertMatch(stdout, /^hi true\nfalse\n$/, stderr);
});
