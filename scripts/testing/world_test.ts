// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { hierarchies } from "./world.ts";

Deno.test("hierarchies() finds the cgroup hierarchies and this process in them", () => {
  assertEquals(
    hierarchies(
      `30 25 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`,
      "3:name=systemd:/user.slice\n2:cpu,cpuacct:/\n0::/user.slice\n",
    ),
    [
      {
        mountpoint: "/sys/fs/cgroup/cpu",
        type: "cgroup",
        options: "cpu,cpuacct",
        own: "/sys/fs/cgroup/cpu",
      },
      {
        mountpoint: "/sys/fs/cgroup/systemd",
        type: "cgroup",
        options: "none,name=systemd",
        own: "/sys/fs/cgroup/systemd/user.slice",
      },
      {
        mountpoint: "/sys/fs/cgroup/unified",
        type: "cgroup2",
        options: "rw",
        own: "/sys/fs/cgroup/unified/user.slice",
      },
    ],
  );
});

Deno.test("hierarchies() is empty if there is only cgroup v2", () => {
  const line = "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
  assertEquals(hierarchies(line, "0::/\n"), []);
});
