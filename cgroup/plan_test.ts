// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ContainerError, SpecError } from "../spec/errors.ts";
import { DEFAULT_DEVICE_RULES } from "./devices.ts";
import type { CgroupLevel, CgroupMount, Hierarchy } from "./hierarchy.ts";
import { type CgroupOptions, planCgroup, planUpdate } from "./plan.ts";

const ALL = ["cpu", "memory", "pids", "cpuset", "io"];
const top: CgroupLevel = {
  writable: true,
  movable: true,
  controllers: ALL,
  enabled: [],
  populated: true,
  root: true,
};
const inner: CgroupLevel = {
  ...top,
  enabled: [],
  populated: false,
  root: false,
};

const mount = (
  version: 1 | 2,
  path: string,
  controllers: string[],
  own = path,
): CgroupMount => ({ version, path, controllers, own });
const v2 = (own = "/cg"): Hierarchy => ({
  layout: "v2",
  mounts: [mount(2, "/cg", ALL, own)],
});
const v1: Hierarchy = {
  layout: "v1",
  mounts: ["memory", "cpuset", "pids", "devices", "freezer"].map((name) =>
    mount(
      1,
      `/cg/${name}`,
      [name],
      name === "memory" ? "/cg/memory/own" : undefined,
    )
  ),
};

/** The steps in short form: `+directory`, `file=value`. */
function steps(
  options: Partial<CgroupOptions>,
  hierarchy: Hierarchy,
  levels: Record<string, CgroupLevel>,
): string[] {
  return planCgroup(
    { id: "x", ...options },
    hierarchy,
    (path) => levels[path] ?? null,
  ).steps.map((step) => {
    switch (step.step) {
      case "makeDirectory":
        return `+${step.path}`;
      case "writeHostFile":
        return `${step.path}=${step.value}`;
      case "fillCpuset":
        return `${step.from}>${step.path}`;
      case "attachDevices":
        return `bpf ${step.path}`;
      case "takeCgroup":
        return `=${step.path}`;
      default:
        return step.step;
    }
  });
}

const limits = { pids: { limit: 5 } };

Deno.test("planCgroup() enables a controller, then makes the cgroup, then writes limits", () => {
  assertEquals(steps({ resources: limits }, v2(), { "/cg": top }), [
    "/cg/cgroup.subtree_control=+pids",
    "+/cg/container-x",
    "/cg/container-x/pids.max=5",
  ]);
  assertEquals(
    steps({ resources: limits }, v2(), {
      "/cg": { ...top, enabled: ["pids"] },
    })[0],
    "+/cg/container-x",
  );
});

Deno.test("planCgroup() enables controllers in the directories that it makes", () => {
  const options = {
    resources: { ...limits, cpu: { shares: 5 } },
    cgroupsPath: "/a/b",
  };
  assertEquals(steps(options, v2(), { "/cg": top }).slice(0, 4), [
    "/cg/cgroup.subtree_control=+cpu +pids",
    "+/cg/a",
    "/cg/a/cgroup.subtree_control=+cpu +pids",
    "+/cg/a/b",
  ]);
});

Deno.test("planCgroup() puts a relative path next to our cgroup on v2 and below it on v1", () => {
  const levels = {
    "/cg": { ...top, enabled: ALL },
    "/cg/u": { ...inner, enabled: ALL },
    "/cg/u/me": { ...inner, populated: true },
  };
  assertEquals(steps({}, v2("/cg/u/me"), levels), ["+/cg/u/container-x"]);
  assertEquals(
    steps({ resources: { memory: { limit: 1 } } }, v1, {
      "/cg/memory/own": inner,
    })[0],
    "+/cg/memory/own/container-x",
  );
});

Deno.test("planCgroup() explains the rule of no internal processes", () => {
  const levels = {
    "/cg": { ...top, enabled: ALL },
    "/cg/a": { ...inner, populated: true },
  };
  const error = assertThrows(
    () => steps({ resources: limits, cgroupsPath: "/a/b" }, v2(), levels),
    ContainerError,
    "/cg/a contains processes",
  ) as ContainerError;
  assertStringIncludes(error.hint!, "mkdir /cg/a/init");
  // The top of a namespace is not the root of the machine.
  assertThrows(
    () =>
      steps({ resources: limits }, v2(), { "/cg": { ...top, root: false } }),
    ContainerError,
    "contains processes",
  );
});

Deno.test("planCgroup() names a controller that is not delegated, and skips those needed only for stats", () => {
  const levels = {
    "/cg": { ...top, writable: false, enabled: ["pids"] },
    "/cg/u": { ...inner, controllers: ["pids"], enabled: ["pids"] },
    "/cg/u/me": inner,
  };
  const error = assertThrows(
    () =>
      steps({ resources: { memory: { limit: 1 } } }, v2("/cg/u/me"), levels),
    ContainerError,
    "Cannot limit memory: /cg does not enable the memory controller for its children",
  ) as ContainerError;
  assertStringIncludes(error.hint!, "Delegate=memory");
  const plan = planCgroup(
    { id: "x", resources: limits, stats: true },
    v2("/cg/u/me"),
    (path) => (levels as Record<string, CgroupLevel>)[path] ?? null,
  );
  assertEquals(plan.groups, [{
    version: 2,
    controllers: ["pids"],
    path: "/cg/u/container-x",
  }]);
  assertEquals(plan.entry?.join, []);
  assertEquals(plan.entry?.directory, "/cg/u/container-x");
});

Deno.test("planCgroup() without permission refuses a limit or a path, and otherwise makes no cgroup", () => {
  const levels = { "/cg": { ...top, writable: false, enabled: ALL } };
  assertThrows(
    () => steps({ resources: limits }, v2(), levels),
    ContainerError,
    "you do not have permission to change",
  );
  assertThrows(
    () => steps({ cgroupsPath: "/a" }, v2(), levels),
    ContainerError,
    "you do not have permission to change",
  );
  assertEquals(steps({ stats: true, freeze: true }, v2(), levels), []);
});

Deno.test("planCgroup() joins only the v1 trees that are needed", () => {
  const levels = Object.fromEntries(v1.mounts.map(({ own }) => [own, inner]));
  assertEquals(steps({ resources: { cpu: { cpus: "0" } } }, v1, levels), [
    "+/cg/cpuset/container-x",
    "/cg/cpuset/cpuset.cpus>/cg/cpuset/container-x/cpuset.cpus",
    "/cg/cpuset/cpuset.mems>/cg/cpuset/container-x/cpuset.mems",
    "/cg/cpuset/container-x/cpuset.cpus=0",
  ]);
  assertEquals(steps({ freeze: true }, v1, levels), [
    "+/cg/freezer/container-x",
  ]);
  assertEquals(steps({}, v1, levels), ["+/cg/freezer/container-x"]);
  assertThrows(
    () =>
      steps(
        { resources: { hugepageLimits: [{ pageSize: "2MB", limit: 1 }] } },
        v1,
        levels,
      ),
    ContainerError,
    "no hugetlb controller",
  );
});

Deno.test("planCgroup() restricts devices by files on v1 and by a program on v2, but not for ordinary users", () => {
  const resources = { devices: [...DEFAULT_DEVICE_RULES] };
  assertEquals(steps({ resources }, v1, { "/cg/devices": inner }).slice(0, 2), [
    "+/cg/devices/container-x",
    "/cg/devices/container-x/devices.deny=a *:* rwm",
  ]);
  assertEquals(steps({ resources }, v2(), { "/cg": top }), [
    "+/cg/container-x",
    "bpf /cg/container-x",
  ]);
  assertEquals(steps({ resources, rootless: true }, v2(), { "/cg": top }), [
    "+/cg/container-x",
  ]);
});

Deno.test("planCgroup() refuses a cgroup in use, and paths that leave the tree", () => {
  assertThrows(
    () =>
      steps({}, v2(), {
        "/cg": top,
        "/cg/container-x": { ...inner, populated: true },
      }),
    ContainerError,
    "it contains processes",
  );
  for (const cgroupsPath of ["/a/../..", "", "/", "system.slice:container:x"]) {
    assertThrows(
      () => steps({ cgroupsPath }, v2(), { "/cg": top }),
      SpecError,
      "cgroupsPath",
      cgroupsPath,
    );
  }
  assertThrows(() => steps({ id: "../x" }, v2(), { "/cg": top }), SpecError);
  assertThrows(
    () => steps({}, { layout: "none", mounts: [] }, {}),
    ContainerError,
    "no cgroups are mounted",
  );
});

Deno.test("planUpdate() writes into the trees that were joined", () => {
  const groups = [{ version: 1 as const, controllers: ["pids"], path: "/p" }];
  assertEquals(
    planUpdate(groups, limits, {}).map((step) => "path" in step && step.path),
    ["/p/pids.max"],
  );
  assertThrows(
    () => planUpdate(groups, { memory: { limit: 1 } }, {}),
    ContainerError,
    "without this controller",
  );
  assertThrows(
    () => planUpdate(groups, { unified: { "pids.max": "1" } }, {}),
    SpecError,
    "cgroup v1",
  );
  assertThrows(
    () => planUpdate(groups, { devices: [{ allow: false }] }, {}),
    SpecError,
    "devices",
  );
});
