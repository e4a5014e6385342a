/**
 * Each call of the steps that only a sandbox has fails in turn: the message
 * names the step, and nothing is left.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe } from "../../explain/steps/describe.ts";
import { alterLowering, lower } from "../../launch/lower/lower.ts";
import { serve } from "../../plan/process/serve.ts";
import type { Step } from "../../plan/step.ts";
import type { Spec } from "../../spec/types.ts";
import { create, test } from "./_sandbox.ts";

/** Fails the call with this index of each step of this kind, while `act` runs. */
async function failing(
  kind: Step["step"],
  at: number,
  act: () => Promise<unknown>,
): Promise<{ error: unknown; reached: Step | null }> {
  let reached: Step | null = null;
  alterLowering((step, instructions) => {
    if (step.step !== kind) return instructions;
    reached = step;
    return instructions.with(at, { name: "fail", error: "EPERM" });
  });
  try {
    return { error: await act().then(() => null, (error) => error), reached };
  } finally {
    alterLowering((_, instructions) => instructions);
  }
}

/** The number of calls of a step. */
const callsOf = (what: "idle" | "files"): number =>
  serve({ process: {} } as Spec, what).flatMap(lower).length;

test("create names the step of its first process that fails", async () => {
  // The sandbox is ready after the second call; what fails later ends it.
  for (let at = 0; at < 2; at++) {
    const { error, reached } = await failing("idle", at, async () => {
      await using _sandbox = await create({ hostname: `fault${at}` });
    });
    assert(reached && error instanceof Error, `${at}: ${error}`);
    assertStringIncludes(error.message, describe(reached), `${at}`);
  }
  for (let at = 2; at < callsOf("idle"); at++) {
    const { error } = await failing("idle", at, async () => {
      await using sandbox = await create({ hostname: `fault${at}` });
      await sandbox.closed;
    });
    assert(error === null || error instanceof Error, `${at}: ${error}`);
  }
});

/** The compiled helper is kept until another one is needed. */
async function otherHelper(): Promise<void> {
  await using other = await create({ seccomp: "unconfined" });
  await other.fs.stat("/");
}

test("fs names the step of its helper that fails, and works afterwards", async () => {
  for (let at = 0; at < callsOf("files"); at++) {
    await otherHelper();
    await using sandbox = await create();
    const { error, reached } = await failing(
      "serveFiles",
      at,
      () => sandbox.fs.stat("/"),
    );
    assert(reached && error instanceof Error, `${at}: ${error}`);
    assertStringIncludes(error.message, describe(reached), `${at}`);
    await otherHelper();
    assertEquals((await sandbox.fs.stat("/")).isDirectory, true);
    assertEquals(await sandbox.sh`echo still here`.text(), "still here\n");
  }
});
