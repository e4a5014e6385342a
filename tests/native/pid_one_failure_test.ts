/**
 * Failures of launch/native/pid_one.h: what it reports, which questions it
 * answers afterwards, and what it leaves to the runtime.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { ERRNO } from "../../ffi/errno.ts";
import { numberOf } from "../../ffi/numbers.ts";
import { FAILURE_PHASE, HANDOVER } from "../../launch/handover_layout.ts";
import { NEWS } from "../../launch/lower/news.ts";
import { filesOf } from "../../launch/native_failure.ts";
import { execute, TempDir, test } from "../_harness.ts";
import {
  BLOCK,
  buildProgram,
  executing,
  failureIn,
  handover,
  NO_PROGRAM,
  PidOne,
  say,
  started,
} from "./_pid_one.ts";

const skip = NO_PROGRAM;

test("PID 1 reports the step of the container phase that failed", async () => {
  await using dir = new TempDir();
  await using one = await started(dir, {
    container: [
      ...BLOCK,
      say("before\n"),
      { name: "chdir", args: ["/no/such/directory"] },
      say("after\n"),
    ],
    process: executing("/bin/true"),
    cleanup: [say("cleanup\n")],
  });
  assertEquals(failureIn(await one.message()), [
    FAILURE_PHASE.container,
    BLOCK.length + 1,
    ERRNO.ENOENT,
  ]);
  one.leave();
  assertEquals(await one.end(), 125);
  assertEquals(one.output, "before\n");
}, { skip });

test(
  "PID 1 reports the step of the command's process that failed",
  async () => {
    await using dir = new TempDir();
    const steps = executing("/no/such/program");
    await using one = await started(dir, { process: steps });
    assertEquals((await one.message())?.byte, NEWS.running);
    assertEquals(failureIn(await one.message()), [
      FAILURE_PHASE.process,
      steps.length - 1,
      ERRNO.ENOENT,
    ]);
    one.leave();
    assertEquals(await one.end(), 125);
  },
  { skip },
);

test("PID 1 reports a step of the cleanup that failed", async () => {
  await using dir = new TempDir();
  await using one = await started(dir, {
    process: executing("/bin/true"),
    cleanup: [{ name: "fail", error: "EPERM" }],
  });
  await one.message();
  assertEquals(failureIn(await one.message()), [
    FAILURE_PHASE.cleanup,
    0,
    ERRNO.EPERM,
  ]);
  one.leave();
  assertEquals(await one.end(), 125);
}, { skip });

test("PID 1 reports a call of its own that failed", async () => {
  await using dir = new TempDir();
  const program = await buildProgram(dir);
  const given = handover({ process: executing("/bin/true") });
  await using one = await PidOne.start(program, given);
  await execute(["prlimit", "--nofile=7:7", "--pid", String(one.pid)]);
  one.release();
  assertEquals(failureIn(await one.message()), [
    FAILURE_PHASE.call,
    numberOf("memfd_create"),
    ERRNO.EMFILE,
  ]);
  one.leave();
  assertEquals(await one.end(), 125);
}, { skip });

test(
  "PID 1 answers what is at a path, as it sees it, until it is told to end",
  async () => {
    await using dir = new TempDir();
    await Deno.writeTextFile(`${dir.path}/text`, "some words");
    await Deno.chmod(`${dir.path}/text`, 0o640);
    await Deno.writeTextFile(`${dir.path}/large`, "y".repeat(9000));
    await Deno.mkdir(`${dir.path}/directory`);
    await execute(["mkfifo", `${dir.path}/fifo`]);
    await using one = await started(dir, {
      container: [{ name: "chroot", args: [dir.path] }, {
        name: "fail",
        error: "EPERM",
      }],
      process: [],
    });
    failureIn(await one.message());
    const view = filesOf(one.status);
    const text = view.look("/text");
    assertEquals([text?.isFile, text?.isDirectory, text!.mode! & 0o777], [
      true,
      false,
      0o640,
    ]);
    assertEquals(new TextDecoder().decode(text?.head()), "some words");
    assertEquals(view.look("/large")?.head().length, 4096);
    assertEquals(view.look("/directory")?.isDirectory, true);
    assertEquals(view.look("/fifo")?.isFile, false);
    assertEquals(view.look("/none"), null);
    assertEquals(view.look("/text/below"), null);
    assertEquals(view.look("x".repeat(5000)), null);
    one.leave();
    assertEquals(await one.end(), 125);
  },
  { skip },
);

test(
  "PID 1 ends if its parent ends before it has filled the handover",
  async () => {
    await using dir = new TempDir();
    const program = await buildProgram(dir);
    await using one = await PidOne.start(program, new Uint8Array());
    one.leave();
    assertEquals(await one.end(), 125);
  },
  { skip },
);

/** Changes the bytes of a handover. */
const damaged = (change: (view: DataView) => void) => {
  const bytes = handover({ process: executing("/bin/true") });
  change(new DataView(bytes.buffer));
  return bytes;
};

const NO_HANDOVERS: Record<string, Uint8Array> = {
  "nothing": new Uint8Array(),
  "a part of a header": handover({ process: [] }).subarray(0, 40),
  "another file": new TextEncoder().encode("{}".repeat(4000)),
  "another version": damaged((view) =>
    view.setUint32(HANDOVER.version, 99, true)
  ),
  "another size": damaged((view) => view.setBigUint64(HANDOVER.size, 7n, true)),
  "a part outside the file": damaged((view) =>
    view.setBigUint64(HANDOVER.parts, 1n << 40n, true)
  ),
  "a part that wraps around": damaged((view) =>
    view.setBigUint64(HANDOVER.parts + 8, (1n << 64n) - 64n, true)
  ),
  "a program without a header": damaged((view) =>
    view.setBigUint64(HANDOVER.parts + 8, 64n, true)
  ),
};

for (const [what, bytes] of Object.entries(NO_HANDOVERS)) {
  test(
    `PID 1 leaves it to the runtime if its handover is ${what}`,
    async () => {
      await using dir = new TempDir();
      await using one = await started(dir, bytes);
      assertEquals(await one.end(), 42);
      assertStringIncludes(one.output, "runtime: ");
      assertStringIncludes(one.output, "child word\n");
    },
    { skip },
  );
}

test("PID 1 reports a program with damaged steps", async () => {
  await using dir = new TempDir();
  const bytes = handover({ process: executing("/bin/true") });
  const view = new DataView(bytes.buffer);
  // The number of steps in the header of the first program.
  view.setUint32(
    Number(view.getBigUint64(HANDOVER.parts, true)) + 16,
    1e9,
    true,
  );
  await using one = await started(dir, bytes);
  assertEquals(failureIn(await one.message()), [
    FAILURE_PHASE.container,
    0,
    ERRNO.ENOEXEC,
  ]);
  one.leave();
  assertEquals(await one.end(), 125);
}, { skip });

test("a program that is not PID 1 leaves it to the runtime", async () => {
  await using dir = new TempDir();
  const program = await buildProgram(dir);
  const { status, stdout } = await execute([program, "child", "word"]);
  assertEquals([status, stdout], [42, `runtime: ${program} child word\n`]);
}, { skip });
