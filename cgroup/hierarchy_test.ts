// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { join, mountOf, parseHierarchy } from "./hierarchy.ts";

const v1 = (name: string, root = "/") =>
  `33 31 0:30 ${root} /sys/fs/cgroup/${name} rw,relatime shared:9 - cgroup cgroup rw,${name}`;
const v2 = (path: string, root = "/") =>
  `41 31 0:38 ${root} ${path} rw,relatime - cgroup2 cgroup2 rw,nsdelegate`;
const none = () => [];

Deno.test("parseHierarchy() finds pure v2", () => {
  assertEquals(
    parseHierarchy(
      v2("/sys/fs/cgroup"),
      "0::/user.slice/x.scope\n",
      () => ["cpu", "memory"],
    ),
    {
      layout: "v2",
      mounts: [{
        version: 2,
        path: "/sys/fs/cgroup",
        controllers: ["cpu", "memory"],
        own: "/sys/fs/cgroup/user.slice/x.scope",
      }],
    },
  );
});

Deno.test("parseHierarchy() finds v1, including trees with two controllers and with none", () => {
  const { layout, mounts } = parseHierarchy(
    [
      v1("cpu,cpuacct"),
      v1("memory"),
      v1("name=systemd"),
      "1 2 0:3 / / rw - ext4 /dev/vda rw",
    ].join("\n"),
    "9:name=systemd:/s\n4:memory:/a/b\n1:cpu,cpuacct:/\n",
    none,
  );
  assertEquals(layout, "v1");
  assertEquals(mounts.map(({ own }) => own), [
    "/sys/fs/cgroup/cpu,cpuacct",
    "/sys/fs/cgroup/memory/a/b",
    "/sys/fs/cgroup/name=systemd/s",
  ]);
});

Deno.test("parseHierarchy() finds the hybrid layout and the tree of each controller", () => {
  const hierarchy = parseHierarchy(
    [v1("memory"), v2("/sys/fs/cgroup/unified")].join("\n"),
    "4:memory:/\n0::/\n",
    () => ["hugetlb"],
  );
  assertEquals(hierarchy.layout, "hybrid");
  assertEquals(mountOf(hierarchy, { v1: "memory", v2: "memory" })?.version, 1);
  assertEquals(
    mountOf(hierarchy, { v1: "hugetlb", v2: "hugetlb" })?.version,
    2,
  );
  assertEquals(mountOf(hierarchy, { v1: "pids", v2: "pids" }), undefined);
  assertEquals(
    parseHierarchy(
      [v1("name=systemd"), v2("/u")].join("\n"),
      "1:name=systemd:/\n0::/\n",
      none,
    ).layout,
    "v2",
  );
  assertEquals(parseHierarchy("", "0::/\n", none), {
    layout: "none",
    mounts: [],
  });
});

Deno.test("parseHierarchy() resolves mounts of a part of the tree", () => {
  const own = (root: string, path: string) =>
    parseHierarchy(v2("/cg", root), `0::${path}\n`, none).mounts[0]!.own;
  assertEquals(own("/docker/x", "/docker/x"), "/cg");
  assertEquals(own("/docker/x", "/docker/x/y"), "/cg/y");
  assertEquals(own("/docker/x", "/docker/xy"), "/cg");
  assertEquals(own("/", "/../other"), "/cg");
});

Deno.test("parseHierarchy() uses the first of two mounts of a tree and unescapes its path", () => {
  const { mounts } = parseHierarchy(
    [v2("/a\\040b"), v2("/c")].join("\n"),
    "0::/x\n",
    none,
  );
  assertEquals(mounts.map(({ own }) => own), ["/a b/x"]);
});

Deno.test("join() puts one slash in between and none at the end", () => {
  assertEquals(join("/a/", "/b/"), "/a/b");
  assertEquals(join("/a", "/"), "/a");
});
