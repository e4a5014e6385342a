// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { SpecError, UsageError } from "./errors.ts";
import {
  parseCpus,
  parseDevice,
  parseHugetlb,
  parseResources,
  parseSize,
  parseThrottle,
} from "./resource_flags.ts";
import { checkResources, expandList } from "./resources.ts";

const disk = () => ({ type: "b", major: 8, minor: 16 }) as const;

Deno.test("parseSize() reads docker's units", () => {
  for (
    const [text, bytes] of [
      ["512m", 512 << 20],
      ["1.5g", 1.5 * 2 ** 30],
      ["1000", 1000],
      ["1000b", 1000],
      ["2KiB", 2048],
      ["1mb", 1 << 20],
    ] as const
  ) assertEquals(parseSize("memory", text), bytes, text);
  for (const text of ["", "m", "-5", "5x", "1e3", "9999999t"]) {
    assertThrows(() => parseSize("memory", text), UsageError, "not a size");
  }
});

Deno.test("parseCpus() returns a quota and a period", () => {
  assertEquals(parseCpus("1.5"), { quota: 150_000, period: 100_000 });
  assertEquals(parseCpus(".5"), { quota: 50_000, period: 100_000 });
  for (const text of ["0", "x", "-1", "", "0.001"]) {
    assertThrows(() => parseCpus(text), UsageError, "number of CPUs");
  }
});

Deno.test("expandList() reads ranges", () => {
  assertEquals(expandList("0-1,3"), [0, 1, 3]);
  assertEquals(expandList("3,0-1,1"), [0, 1, 3]);
  for (const text of ["", "1-", "3-1", "a", "0,,1", "0-99999"]) {
    assertEquals(expandList(text), null, text);
  }
});

Deno.test("parseDevice() fills in target and access", () => {
  const fuse = "/dev/fuse";
  assertEquals(parseDevice(fuse), {
    source: fuse,
    target: fuse,
    access: "rwm",
  });
  assertEquals(parseDevice("/dev/fuse:/dev/x"), {
    source: fuse,
    target: "/dev/x",
    access: "rwm",
  });
  assertEquals(parseDevice("/dev/fuse:r"), {
    source: fuse,
    target: fuse,
    access: "r",
  });
  assertEquals(parseDevice("/dev/fuse:/dev/x:mr"), {
    source: fuse,
    target: "/dev/x",
    access: "mr",
  });
  for (
    const text of ["fuse", "/dev/fuse:x", "/dev/fuse:/x:rr", "/a:/b:r:w", ""]
  ) {
    assertThrows(() => parseDevice(text), UsageError, "--device");
  }
});

Deno.test("parseThrottle() looks the device up and reads the rate for the flag", () => {
  assertEquals(parseThrottle("device-read-bps", "/dev/sda:1mb", disk), {
    major: 8,
    minor: 16,
    rate: 1 << 20,
  });
  assertEquals(parseThrottle("device-write-iops", "/dev/sda:100", disk), {
    major: 8,
    minor: 16,
    rate: 100,
  });
  assertThrows(
    () => parseThrottle("device-read-iops", "/dev/sda:1mb", disk),
    UsageError,
  );
  assertThrows(() => parseThrottle("device-read-bps", "1mb", disk), UsageError);
  assertThrows(
    () =>
      parseThrottle(
        "device-read-bps",
        "/dev/null:1",
        () => ({ type: "c", major: 1, minor: 3 }),
      ),
    UsageError,
    "not a block device",
  );
});

Deno.test("parseHugetlb() reads a page size and a limit", () => {
  assertEquals(parseHugetlb("1gb:4g"), { pageSize: "1GB", limit: 2 ** 32 });
  assertEquals(parseHugetlb("64m"), { pageSize: "2MB", limit: 64 << 20 });
  assertThrows(() => parseHugetlb("2M:64m"), UsageError, "page size");
});

Deno.test("parseResources() combines flags and refuses contradictions", () => {
  assertEquals(parseResources({}, disk), undefined);
  assertEquals(
    parseResources({
      memory: "64m",
      cpus: "0.5",
      "cpuset-cpus": "0",
      "pids-limit": "-1",
      "device-read-bps": ["/dev/sda:1k"],
    }, disk),
    {
      memory: { limit: 64 << 20, swap: 128 << 20 },
      cpu: { quota: 50_000, period: 100_000, cpus: "0" },
      pids: { limit: -1 },
      blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 16, rate: 1024 }] },
    },
  );
  for (
    const [flags, words] of [
      [{ "memory-swap": "1g" }, "requires --memory"],
      [{ memory: "2g", "memory-swap": "1g" }, "cannot be less"],
      [{ memory: "1g", "memory-reservation": "2g" }, "cannot be greater"],
      [{ cpus: "1", "cpu-quota": "5000" }, "cannot be used with"],
      [{ "blkio-weight": "5" }, "from 10 to 1000"],
      [{ memory: "0" }, "at least 128k"],
    ] as const
  ) assertThrows(() => parseResources(flags, disk), UsageError, words);
});

Deno.test("checkResources() refuses what no kernel can do", () => {
  checkResources({
    memory: { limit: -1, swap: -1 },
    unified: { "memory.high": "1" },
  });
  for (
    const resources of [
      { memory: { swap: 5 } },
      { memory: { limit: 6, swap: 5 } },
      { memory: { swappiness: 101 } },
      { hugepageLimits: [{ pageSize: "2M", limit: 1 }] },
      { devices: [{ allow: true, access: "x" }] },
      { unified: { "../memory.max": "1" } },
    ]
  ) assertThrows(() => checkResources(resources), SpecError);
});
