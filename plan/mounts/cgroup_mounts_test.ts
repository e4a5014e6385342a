// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { defaultSpec } from "../../spec/defaults.ts";
import { makeFacts } from "../_facts_fixture.ts";
import { parseUnifiedFlags } from "./cgroup_mounts.ts";
import { compile } from "../compile.ts";
import type { Facts } from "../facts.ts";
import type { StepKind, StepOf } from "../step.ts";

function find<K extends StepKind>(
  kind: K,
  facts: Partial<Facts>,
): StepOf<K>[] {
  const spec = defaultSpec({ rootfs: "/srv/fs", args: ["sh"], env: [] });
  return compile(spec, makeFacts(facts)).container
    .filter((step): step is StepOf<K> => step.step === kind);
}

Deno.test("attachCgroups() mounts each v1 hierarchy and links its controllers by name", () => {
  const cgroups = {
    version: 1,
    hierarchies: ["cpu,cpuacct", "name=systemd"],
  } as const;
  const facts = {
    cgroups: { ...cgroups, hierarchies: [...cgroups.hierarchies] },
  };
  const below = find("mount", facts)
    .filter(({ target }) => target.startsWith("/sys/fs/cgroup"));
  assertEquals(
    below.map(({ target, type, data }) => [target, type, data]),
    [
      ["/sys/fs/cgroup", "tmpfs", "mode=755,size=64k"],
      ["/sys/fs/cgroup/cpu,cpuacct", "cgroup", "cpu,cpuacct"],
      ["/sys/fs/cgroup/systemd", "cgroup", "name=systemd"],
    ],
  );
  assertEquals(
    find("makeSymlink", facts).filter(({ path }) => path.startsWith("/sys"))
      .map(({ path, to }) => [path, to]),
    [
      ["/sys/fs/cgroup/cpu", "cpu,cpuacct"],
      ["/sys/fs/cgroup/cpuacct", "cpu,cpuacct"],
    ],
  );
  assertEquals(
    find("mount", { cgroups: null }).filter(({ target }) =>
      target.startsWith("/sys/fs")
    ),
    [],
  );
});

Deno.test("attachCgroups() without a cgroup namespace binds only the container's own v1 directories", () => {
  const facts: Partial<Facts> = {
    cgroups: {
      version: 1,
      hierarchies: ["pids", "cpu,cpuacct", "name=systemd"],
      places: { pids: "/cg/pids/one", "cpu,cpuacct": "/cg/cpu/one" },
    },
  };
  assertEquals(
    find("openTree", facts).map(({ source }) => source)
      .filter((source) => source.startsWith("/cg")),
    ["/cg/pids/one", "/cg/cpu/one"],
  );
  assertEquals(
    find("attach", facts).map(({ target }) => target)
      .filter((target) => target.startsWith("/sys")),
    ["/sys/fs/cgroup/pids", "/sys/fs/cgroup/cpu,cpuacct"],
  );
  assertEquals(
    find("mount", facts).filter(({ type }) => type === "cgroup"),
    [],
  );
});

Deno.test("attachCgroups() mounts v2 with the host's own options from parseUnifiedFlags()", () => {
  const mountinfo = [
    "22 1 0:20 / / rw - ext4 /dev/vda rw,nsdelegate",
    "29 22 0:25 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot",
  ].join("\n");
  const unifiedFlags = parseUnifiedFlags(mountinfo);
  assertEquals(unifiedFlags, ["nsdelegate", "memory_recursiveprot"]);
  assertEquals(parseUnifiedFlags(mountinfo.split("\n")[0]!), []);
  const data = (facts: Partial<Facts>) =>
    find("mount", facts).find(({ type }) => type === "cgroup2")?.data;
  assertEquals(data({ unifiedFlags }), "nsdelegate,memory_recursiveprot");
  assertEquals(data({}), null);
});
