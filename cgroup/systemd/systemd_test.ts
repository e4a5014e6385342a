// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import type { CgroupMount } from "../hierarchy.ts";
import { planCgroup } from "../plan.ts";
import { planScope, readWithScope, slicePath } from "./systemd.ts";

const mount: CgroupMount = {
  version: 2,
  path: "/cg",
  controllers: ["pids", "memory"],
  own: "/cg/user.slice/session-1.scope",
};

const MANAGER = { socket: "/s", direct: false, uid: 0, cgroup: "" };

Deno.test("slicePath() nests a slice in the slices that its name begins with", () => {
  assertEquals(slicePath("system.slice"), "/system.slice");
  assertEquals(slicePath("a-b-c.slice"), "/a.slice/a-b.slice/a-b-c.slice");
  assertEquals(slicePath("-.slice"), "");
});

Deno.test("planScope() lets the plan change only its own scope", () => {
  const scope = planScope("x", mount, MANAGER);
  assertEquals(scope.path, "/cg/system.slice/container-x.scope");
  const { steps } = planCgroup(
    {
      id: "x",
      cgroupsPath: "/system.slice/container-x.scope/command",
      resources: { pids: { limit: 5 } },
    },
    { layout: "v2", mounts: [mount] },
    readWithScope(scope, mount, () => null),
  );
  assertEquals(
    steps.map((step) => "path" in step && step.path),
    [
      `${scope.path}/cgroup.subtree_control`,
      `${scope.path}/command`,
      `${scope.path}/command/pids.max`,
    ],
  );
});

Deno.test("readWithScope() changes only the controllers that the top level enables", () => {
  const scope = planScope("x", mount, MANAGER);
  // Like the host's levels: getters on the prototype, without own properties.
  const top = new class {
    get writable() {
      return false;
    }
    get movable() {
      return false;
    }
    get controllers() {
      return ["cpu"];
    }
    get enabled() {
      return [];
    }
    get populated() {
      return true;
    }
    get root() {
      return true;
    }
  }();
  const read = readWithScope(scope, mount, () => top);
  assertEquals(read("/cg"), {
    writable: false,
    movable: false,
    controllers: ["cpu"],
    enabled: ["pids", "memory"],
    populated: true,
    root: true,
  });
  assertEquals(read("/cg/elsewhere"), top);
});
