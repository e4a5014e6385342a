/** What the caller's shell is told when a container ends. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { container, run, runShell, test } from "./_harness.ts";

for (const status of [0, 1, 2, 3, 42, 124, 125, 126, 127, 128, 130, 254, 255]) {
  test(`a command that exits ${status} gives ${status}`, async () => {
    const result = await runShell(`exit ${status}`);
    assertEquals(result.status, status);
    assertEquals(result.stderr, "");
  });
}

// Those that end a process by default; a busybox shell ignores SIGQUIT.
const DEADLY = {
  HUP: 1,
  INT: 2,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  XCPU: 24,
  SYS: 31,
};

for (const [name, number] of Object.entries(DEADLY)) {
  test(`a command killed by SIG${name} gives ${128 + number}`, async () => {
    const { status, stderr } = await runShell(`kill -${name} $$`);
    assertEquals(status, 128 + number);
    assertEquals(stderr, "");
  });
}

test("a command killed by a real-time signal gives 128 and its number", async () => {
  assertEquals((await runShell("kill -37 $$")).status, 165);
});

test("a command that is not found gives 127", async () => {
  assertEquals((await run(["no-such-command"])).status, 127);
  assertEquals((await run(["/bin/no-such-command"])).status, 127);
  assertEquals((await run(["/no/such/directory/command"])).status, 127);
});

test("a command that cannot be executed gives 126", async () => {
  assertEquals((await run(["/bin"])).status, 126);
});

test("a failure of the tool gives 125", async () => {
  const { status } = await container(["run", "--rootfs", "/nowhere", "true"]);
  assertEquals(status, 125);
  assertEquals((await run(["-w", "/nowhere", "true"])).status, 125);
});

test("a usage error gives 2", async () => {
  assertEquals((await container(["run", "--no-such-flag", "true"])).status, 2);
  assertEquals((await container(["rnu"])).status, 2);
});

test("what the command leaves running ends with it", async () => {
  const { status } = await runShell(
    "sleep 1000 & (sleep 1000 & sleep 1000 &) ; nohup sleep 1000 >/dev/null 2>&1 & exit 7",
  );
  assertEquals(status, 7);
});

test("what ignores every signal and holds the output open ends with the command", async () => {
  const { status, stdout } = await runShell(
    "(trap '' HUP INT TERM QUIT; while :; do sleep 1000; done) & echo out; exit 3",
  );
  assertEquals([status, stdout], [3, "out\n"]);
});

test("PID 1 reaps every orphan while the command runs", async () => {
  const { status, stdout } = await runShell(`
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      (true & true & sleep 0.01 &)
    done
    tries=0
    while grep -qs '^State:.Z' /proc/[0-9]*/status || pidof sleep >/dev/null; do
      tries=$((tries + 1))
      [ $tries -lt 200 ] || { echo zombies; exit 1; }
      sleep 0.05
    done
    echo clean
  `);
  assertEquals([status, stdout], [0, "clean\n"]);
});

test("an orphan that ends with a status of its own does not change the command's", async () => {
  const { status } = await runShell(
    "(sh -c 'exit 9' & sh -c 'kill -SEGV $$' &) ; sleep 0.2; exit 4",
  );
  assertEquals(status, 4);
});

test("a command that stops itself can be continued by its own process tree", async () => {
  const { status } = await runShell(
    "me=$$; (sleep 0.3; kill -CONT $me) & kill -STOP $me; exit 6",
  );
  assertEquals(status, 6);
});

test("the version is printed with status 0", async () => {
  const { status, stdout, stderr } = await container(["--version"]);
  assertEquals([status, stderr], [0, ""]);
  assertMatch(stdout, /^container version \d+\.\d+\.\d+\n$/);
});
