// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { SpecError } from "../spec/errors.ts";
import type { Resources } from "../spec/resources.ts";
import { blkioToIoWeight } from "./block_files.ts";
import {
  CONCERNS,
  type Current,
  fileWrites,
  sharesToWeight,
  unifiedWrites,
} from "./files.ts";

/** `file=value`; a `?` marks a file that may be missing. */
function written(
  resources: Resources,
  version: 1 | 2,
  current?: Current,
): string[] {
  return CONCERNS.filter((concern) => concern.asked(resources))
    .flatMap((concern) => fileWrites(concern, resources, version, current))
    .map(({ file, value, optional }) =>
      `${file}${optional ? "?" : ""}=${value}`
    );
}

Deno.test("fileWrites() writes memory: v1 counts memory and swap together, v2 swap alone", () => {
  const memory = { limit: 100, swap: 150, reservation: 50 };
  assertEquals(written({ memory }, 1), [
    "memory.limit_in_bytes=100",
    "memory.memsw.limit_in_bytes=150",
    "memory.soft_limit_in_bytes=50",
  ]);
  assertEquals(written({ memory }, 2), [
    "memory.swap.max=50",
    "memory.max=100",
    "memory.low=50",
  ]);
  assertEquals(written({ memory: { limit: -1 } }, 1), [
    "memory.limit_in_bytes=-1",
    "memory.memsw.limit_in_bytes?=-1",
  ]);
  assertEquals(written({ memory: { limit: -1 } }, 2), [
    "memory.swap.max?=max",
    "memory.max=max",
  ]);
  // docker's default is not an explicit request.
  assertEquals(
    written({ memory: { limit: 100, swap: 200 } }, 2)[0],
    "memory.swap.max?=100",
  );
  assertEquals(
    written({ memory: { limit: 100, swap: 100 } }, 2)[0],
    "memory.swap.max?=0",
  );
});

Deno.test("fileWrites() raises the sum first and lowers it last on v1", () => {
  const memory = { limit: 100, swap: 100 };
  const files = (memoryLimit: number) =>
    written({ memory }, 1, { memoryLimit }).map((line) =>
      line.split(".")[1]!.split("=")[0]
    );
  assertEquals(files(50), ["memsw", "limit_in_bytes"]);
  assertEquals(files(200), ["limit_in_bytes", "memsw"]);
});

Deno.test("fileWrites() writes CPU time", () => {
  const cpu = {
    shares: 1024,
    quota: 50_000,
    period: 100_000,
    burst: 10,
    cpus: "0-1",
    mems: "0",
  };
  assertEquals(written({ cpu }, 1), [
    "cpu.shares=1024",
    "cpu.cfs_period_us=100000",
    "cpu.cfs_quota_us=50000",
    "cpu.cfs_burst_us=10",
    "cpuset.cpus=0-1",
    "cpuset.mems=0",
  ]);
  assertEquals(written({ cpu }, 2), [
    "cpu.weight=100",
    "cpu.max=50000 100000",
    "cpu.max.burst=10",
    "cpuset.cpus=0-1",
    "cpuset.mems=0",
  ]);
  assertEquals(written({ cpu: { quota: 5000 } }, 2), ["cpu.max=5000 100000"]);
  assertEquals(written({ cpu: { quota: -1 } }, 2), ["cpu.max=max 100000"]);
  assertEquals(written({ cpu: { period: 5000 } }, 2), ["cpu.max=max 5000"]);
  assertEquals(written({ cpu: { quota: -1 } }, 1), ["cpu.cfs_quota_us=-1"]);
});

Deno.test("sharesToWeight() meets both ends and the default", () => {
  assertEquals([2, 1024, 262_144].map(sharesToWeight), [1, 100, 10_000]);
  assertEquals([0, 512, 2048, 300_000].map(sharesToWeight), [
    1,
    59,
    174,
    10_000,
  ]);
});

Deno.test("blkioToIoWeight() meets both ends", () => {
  assertEquals([10, 500, 1000].map(blkioToIoWeight), [1, 4950, 10_000]);
});

Deno.test("fileWrites() writes disks, huge pages, processes and the network", () => {
  const disk = { major: 8, minor: 0 };
  const blockIO = {
    weight: 500,
    weightDevice: [{ ...disk, weight: 100 }],
    throttleReadBpsDevice: [{ ...disk, rate: 1 }],
    throttleWriteBpsDevice: [{ ...disk, rate: 2 }],
    throttleReadIOPSDevice: [{ ...disk, rate: 3 }],
    throttleWriteIOPSDevice: [{ ...disk, rate: 4 }],
  };
  assertEquals(written({ blockIO }, 1), [
    "blkio.bfq.weight=500",
    "blkio.bfq.weight_device=8:0 100",
    "blkio.throttle.read_bps_device=8:0 1",
    "blkio.throttle.write_bps_device=8:0 2",
    "blkio.throttle.read_iops_device=8:0 3",
    "blkio.throttle.write_iops_device=8:0 4",
  ]);
  assertEquals(written({ blockIO }, 2), [
    "io.bfq.weight=500",
    "io.bfq.weight=8:0 100",
    "io.max=8:0 rbps=1",
    "io.max=8:0 wbps=2",
    "io.max=8:0 riops=3",
    "io.max=8:0 wiops=4",
  ]);
  const [write] = fileWrites(CONCERNS.find(({ v2 }) => v2 === "io")!, {
    blockIO,
  }, 2);
  assertEquals(write?.instead, { file: "io.weight", value: "default 4950" });
  assertEquals(
    written({ hugepageLimits: [{ pageSize: "2MB", limit: 9 }] }, 2),
    ["hugetlb.2MB.max=9", "hugetlb.2MB.rsvd.max?=9"],
  );
  assertEquals(written({ pids: { limit: -1 } }, 2), ["pids.max=max"]);
  assertEquals(
    written({
      network: { classID: 5, priorities: [{ name: "eth0", priority: 3 }] },
    }, 1),
    [
      "net_cls.classid=5",
      "net_prio.ifpriomap=eth0 3",
    ],
  );
  assertEquals(written({ rdma: { mlx: { hcaHandles: 2 } } }, 2), [
    "rdma.max=mlx hca_handle=2 hca_object=max",
  ]);
});

Deno.test("fileWrites() refuses on v2 limits that only v1 has", () => {
  for (
    const resources of [
      { memory: { swappiness: 5 } },
      { memory: { disableOOMKiller: true } },
      { cpu: { realtimeRuntime: 1 } },
      { blockIO: { leafWeight: 50 } },
    ]
  ) {
    assertThrows(
      () => written(resources, 2),
      SpecError,
      "cgroup v2 does not have it",
    );
  }
});

Deno.test("fileWrites() writes nothing if nothing is asked for", () => {
  assertEquals(written({}, 1), []);
  assertEquals(
    written({ memory: {}, cpu: {}, blockIO: {}, network: {} }, 2),
    [],
  );
});

Deno.test("unifiedWrites() takes the controller from the file's name", () => {
  assertEquals(
    unifiedWrites({ unified: { "memory.high": "5" } }).map((
      { controller, value },
    ) => [controller, value]),
    [["memory", "5"]],
  );
});
