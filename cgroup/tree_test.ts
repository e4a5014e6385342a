// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { visitTree } from "./tree.ts";

Deno.test("visitTree() visits directories deeper than the longest path", () => {
  const top = Deno.makeTempDirSync({ prefix: "container-test-tree-" });
  const before = Deno.cwd();
  const name = "n".repeat(250);
  const depth = 40;
  try {
    for (let level = 0; level < depth; level++) {
      if (level) Deno.chdir(name);
      else Deno.chdir(top);
      Deno.mkdirSync("beside");
      Deno.mkdirSync(name);
    }
    Deno.chdir(before);
    let entered = 0;
    visitTree(top, { enter: () => entered++ });
    assertEquals(entered, 1 + 2 * depth);
    let left = 0;
    visitTree(top, {
      leave(path) {
        Deno.removeSync(path);
        left++;
      },
    });
    assertEquals(left, 2 * depth);
    assertEquals([...Deno.readDirSync(top)], []);
  } finally {
    Deno.chdir(before);
    new Deno.Command("rm", { args: ["-rf", top] }).outputSync();
  }
});

Deno.test("visitTree() skips a missing directory", () => {
  visitTree("/proc/self/nothing", {
    enter() {
      throw new Error("entered");
    },
  });
});
