/** Tests of compiling steps: how long it takes for many mounts. */
// @ts-types="../types/std_assert.d.ts"
import { assert } from "@std/assert";
import { makeFacts } from "../plan/_facts_fixture.ts";
import { compile } from "../plan/compile.ts";
import { defaultSpec } from "../spec/defaults.ts";
import { compileSteps } from "./program.ts";

/** Milliseconds for a Spec with so many mounts, the shortest of three. */
function timeOf(count: number): number {
  const spec = defaultSpec({ rootfs: "/srv/fs", args: ["true"], env: [] });
  for (let index = 0; index < count; index++) {
    spec.mounts?.push({
      destination: `/many/${index}`,
      type: "bind",
      source: `/srv/${index}`,
      options: ["rbind"],
    });
  }
  const files = Array.from({ length: count }, (_, index) => `/srv/${index}`);
  const facts = makeFacts({ files });
  const times = [1, 2, 3].map(() => {
    const before = performance.now();
    compileSteps(compile(spec, facts).container, { movable: true });
    return performance.now() - before;
  });
  return Math.min(...times);
}

Deno.test("the time to compile a plan grows with its mounts, not with their square", () => {
  timeOf(1000);
  const [few, many] = [timeOf(1000), timeOf(8000)];
  // 8 times as many mounts: 64 times as long if each were compared with each.
  assert(many < 24 * few, `${few} ms for 1000 mounts, ${many} ms for 8000`);
});
