/**
 * Many containers, one after the other and at once: each ends correctly, and
 * nothing is left. CONTAINER_STRESS (or CI=true) runs the full thousand.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { descendants } from "../_host.ts";
import { runShell, startRun, test, until } from "../_harness.ts";

const THOROUGH = Deno.env.has("CONTAINER_STRESS") ||
  Deno.env.get("CI") === "true";
const IN_A_ROW = THOROUGH ? 1000 : 50;
const AT_ONCE = 50;
const FEWER = THOROUGH ? "" : ", 1000 with CONTAINER_STRESS or CI=true";

test(`${IN_A_ROW} runs in a row leave nothing${FEWER}`, async () => {
  const files = openFiles();
  for (let i = 0; i < IN_A_ROW; i++) {
    const { status, stdout, stderr } = await runShell(
      `sleep 100 & echo ${i}; exit ${i % 256}`,
    );
    assertEquals([status, stdout, stderr], [i % 256, `${i}\n`, ""]);
  }
  // Files that earlier tests have open may be closed meanwhile.
  await until("no more files are open than before", () => openFiles() <= files);
});

/** How many files this process has open. */
function openFiles(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

test(`${AT_ONCE} runs at once leave nothing`, async () => {
  const results = await Promise.all(
    Array.from(
      { length: AT_ONCE },
      (_, i) => runShell(`echo ${i}; hostname; echo $$ >&2; exit ${i}`),
    ),
  );
  for (const [i, { status, stdout }] of results.entries()) {
    assertEquals([status, stdout], [i, `${i}\ncontainer\n`]);
  }
});

test(`killing ${AT_ONCE} running containers at once leaves nothing`, async () => {
  const sessions = Array.from(
    { length: AT_ONCE },
    () => startRun("sh", "-c", "sleep 1000 & echo ready; sleep 1000"),
  );
  try {
    for (const session of sessions) await session.expect(/ready\n/);
    for (const session of sessions) session.kill("SIGKILL");
    for (const session of sessions) assertEquals(await session.end(), 137);
    await until(
      "no container process is left",
      () => !descendants(Deno.pid).some(({ state }) => state === "S"),
    );
  } finally {
    for (const session of sessions) await session[Symbol.asyncDispose]();
  }
});

test("run ends a container with 500 processes completely", async () => {
  const { status, stdout } = await runShell(
    // A shell that has just forked is not sleep yet.
    "i=0; while [ $i -lt 500 ]; do sleep 1000 & i=$((i + 1)); done; i=0; while [ $(pidof sleep | wc -w) -lt 500 ] && [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.1; done; pidof sleep | wc -w; exit 9",
  );
  assertEquals([status, stdout], [9, "500\n"]);
});

test("run ends a container that forks without limit", async () => {
  const { status } = await runShell(
    "(while :; do (sleep 0.01 &) ; done) & sleep 1; exit 4",
  );
  assertEquals(status, 4);
});

test("PID 1 reaps 500 orphans while the command runs", async () => {
  const { stdout } = await runShell(`
    i=0; while [ $i -lt 500 ]; do (true &); i=$((i + 1)); done
    tries=0
    while grep -qs '^State:.Z' /proc/[0-9]*/status && [ $tries -lt 200 ]; do
      tries=$((tries + 1)); sleep 0.05
    done
    grep -s '^State:.Z' /proc/[0-9]*/status | wc -l
  `);
  assertEquals(stdout, "0\n");
});
