// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import {
  below,
  coveredProc,
  mountAt,
  parseMountinfo,
  v1Controllers,
} from "./mounts.ts";
import { parseRanges } from "./read_facts.ts";

const MOUNTS = parseMountinfo(`
22 1 8:1 / / rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw
23 22 0:5 / /proc rw - proc proc rw
24 23 0:6 / /proc/sys/fs/binfmt_misc rw - binfmt_misc none rw
25 23 0:5 /sys /proc/sys ro - proc proc rw
26 22 0:7 /a /mnt/with\\040space rw - cgroup cgroup rw,cpu,cpuacct
27 22 0:8 / /cg/systemd rw - cgroup cgroup rw,name=systemd
`);

Deno.test("parseMountinfo() reads tags, types and escaped spaces", () => {
  assertEquals(MOUNTS.length, 6);
  assertEquals(mountAt(MOUNTS, "/")?.shared, true);
  assertEquals(mountAt(MOUNTS, "/proc")?.type, "proc");
  assertEquals(MOUNTS[4]?.target, "/mnt/with space");
});

Deno.test("v1Controllers() leaves out words that are not controllers", () => {
  assertEquals(MOUNTS.flatMap(v1Controllers), ["cpu", "cpuacct"]);
});

Deno.test("coveredProc() counts mounts over files of proc, not the kernel's own mount points", () => {
  assertEquals(coveredProc(MOUNTS), ["/proc/sys"]);
});

Deno.test("below() removes the root of a mount from a path", () => {
  assertEquals(below(MOUNTS[4]!, "/a/b"), "/mnt/with space/b");
  assertEquals(below(MOUNTS[1]!, "/a"), "/proc/a");
});

Deno.test("parseRanges() skips comments and broken lines", () => {
  assertEquals(parseRanges("# no\nada:100000:65536\nbroken:1\n1000:5:6\n"), [
    { owner: "ada", start: 100000, count: 65536 },
    { owner: "1000", start: 5, count: 6 },
  ]);
  assertEquals(parseRanges(null), []);
});
