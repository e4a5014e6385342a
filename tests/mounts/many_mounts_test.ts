/** Thousands of mounts in one container. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import {
  container,
  copyRootfs,
  execute,
  run,
  runWords,
  shellLine,
  TempDir,
  test,
  testBoth,
} from "../_harness.ts";
import { assertRefused } from "../_refused.ts";

const MANY = 2000;

const volumes = (count: number, options = "") =>
  Array.from(
    { length: count },
    (_, index) => ["-v", `/etc:/many/${index}${options}`],
  ).flat();

const COUNT = ["grep", "-c", " /many/", "/proc/self/mountinfo"];

testBoth("run mounts 2000 volumes", async (mode) => {
  const { status, stdout, stderr } = await mode.run([
    ...["--ephemeral", ...volumes(MANY), ...COUNT],
  ]);
  assertEquals([status, stdout, stderr], [0, `${MANY}\n`, ""]);
});

testBoth("run mounts 2000 volumes in a user namespace", async (mode) => {
  await using dir = new TempDir();
  const root = await copyRootfs(dir.path);
  const { status, stdout, stderr } = await mode.run([
    ...["--rootfs", root, "--uidmap", "0:0:1000", "--gidmap", "0:0:1000"],
    ...[...volumes(MANY), ...COUNT],
  ]);
  assertEquals([status, stdout, stderr], [0, `${MANY}\n`, ""]);
});

test("run mounts 400 volumes with mapped ids", async () => {
  await using dir = new TempDir();
  const root = await copyRootfs(dir.path);
  await Deno.mkdir(`${dir.path}/source`);
  const mapped = Array.from({ length: 400 }, (_, index) => [
    "-v",
    `${dir.path}/source:/many/${index}:idmap=uids=0-1000-1;gids=0-1000-1`,
  ]).flat();
  const { status, stdout, stderr } = await run([
    ...["--rootfs", root, ...mapped, ...COUNT],
  ]);
  assertEquals([status, stdout, stderr], [0, "400\n", ""]);
});

test("a bundle has 2000 mounts", async () => {
  await using bundle = await Bundle.make(COUNT, ({ mounts }) => {
    for (let index = 0; index < MANY; index++) {
      mounts.push({
        destination: `/many/${index}`,
        type: "bind",
        source: "/etc",
        options: ["rbind"],
      });
    }
  });
  const { status, stdout, stderr } = await bundle.call(
    ...["run", "--bundle", bundle.dir.path, "many"],
  );
  assertEquals([status, stdout, stderr], [0, `${MANY}\n`, ""]);
});

test("explain prints a plan with 2000 mounts in each form", async () => {
  for (const form of [["--all"], ["--json"], ["--strace"]]) {
    const { status, stdout, stderr } = await container([
      ...["explain", ...form, "run", "--rootfs", "/", ...volumes(MANY)],
      "true",
    ]);
    assertEquals([status, stderr], [0, ""]);
    assert(stdout.includes(`/many/${MANY - 1}`), form.join());
  }
});

test("run names the limit on open files if it is too low for the mounts", async () => {
  const words = runWords("-q", "--ephemeral", ...volumes(400), "true");
  assertRefused(
    await execute(["bash", "-c", `ulimit -n 300; ${shellLine(words)}`]),
    125,
    /open_tree: too many open files \(EMFILE\).*ulimit -n.*Raise the limit/,
  );
});
