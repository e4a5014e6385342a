// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import { Lanes } from "./lanes.ts";

Deno.test("Lanes runs the tasks of the lowest rank first, and no more at once", async () => {
  const lanes = new Lanes(2);
  const started: string[] = [];
  let running = 0;
  const task = (rank: number, name: string) =>
    lanes.run(rank, async () => {
      started.push(name);
      assertEquals(++running <= 2, true);
      await Promise.resolve();
      running--;
      return name;
    });
  const names = await Promise.all([
    ...[task(9, "a"), task(9, "b"), task(9, "c"), task(9, "d")],
    ...[task(1, "long"), task(0, "longest")],
  ]);
  assertEquals(names, ["a", "b", "c", "d", "long", "longest"]);
  assertEquals(started, ["a", "b", "longest", "long", "c", "d"]);
});

Deno.test("Lanes goes on after a task that failed", async () => {
  const lanes = new Lanes(1);
  const failing = lanes.run(0, () => Promise.reject(new Error("no")));
  const next = lanes.run(0, () => Promise.resolve(1));
  await assertRejects(() => failing, Error, "no");
  assertEquals(await next, 1);
});
