/** Commands of an OCI runtime that are killed half-way: the next command works. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { CONTAINER, test } from "../_harness.ts";

/** The number of moments at which a command is killed. */
const MOMENTS = 20;

/** Runs a command and kills it after a time; returns how long it took. */
async function killAfter(words: readonly string[], time: number) {
  const [program, ...args] = [...CONTAINER, ...words];
  const start = performance.now();
  const child = new Deno.Command(program!, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(() => {
    try {
      child.kill("SIGKILL");
    } catch (error) {
      // It has already ended.
      if (!(error instanceof TypeError)) throw error;
    }
  }, time);
  await child.status;
  clearTimeout(timer);
  return performance.now() - start;
}

for (const manager of ["cgroupfs", "disabled"]) {
  test(`delete --force removes what killed create, start and delete leave (cgroups: ${manager})`, async () => {
    await using bundle = await Bundle.make(["sleep", "1000"]);
    const words = (...rest: string[]) => [
      ...["--root", `${bundle.dir.path}/state`, "--cgroup-manager", manager],
      ...rest,
    ];
    const create = words("create", "--bundle", bundle.dir.path, "one");
    const whole = await killAfter(create, 60_000);
    await bundle.does("delete", "--force", "one");
    for (let moment = 1; moment <= MOMENTS; moment++) {
      // The last moments are mostly after its end.
      const time = whole * 1.2 * moment / MOMENTS;
      await killAfter(create, time);
      const listed: { status: string }[] = JSON.parse(
        await bundle.does("list", "--format", "json"),
      );
      for (const { status } of listed) {
        assert(["creating", "created", "broken"].includes(status), status);
      }
      if (listed[0]?.status === "created") {
        await killAfter(words("start", "one"), time / 4);
        await killAfter(words("delete", "--force", "one"), time / 4);
      }
      await bundle.does("delete", "--force", "one");
      assertEquals(await bundle.does("list", "--quiet"), "");
    }
  });
}
