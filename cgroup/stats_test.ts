// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { parseBlkio, parseIoStat, parseLimit, readStats } from "./stats.ts";

const disk = {
  major: 8,
  minor: 0,
  readBytes: 10,
  writeBytes: 20,
  reads: 1,
  writes: 2,
};

Deno.test("parseIoStat() and parseBlkio() return the same statistics", () => {
  assertEquals(
    parseIoStat(
      "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n9:0 \n",
    )[0],
    disk,
  );
  assertEquals(
    parseBlkio(
      "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n",
      "8:0 Read 1\n8:0 Write 2\n",
    ),
    [disk],
  );
});

Deno.test("parseLimit() reads no limit in the form of v1 and of v2", () => {
  assertEquals(["max\n", "9223372036854771712\n", "4096\n"].map(parseLimit), [
    null,
    null,
    4096,
  ]);
});

Deno.test("readStats() returns the same shape for both versions", () => {
  const files: Record<string, string> = {
    "/m/memory.usage_in_bytes": "5\n",
    "/m/memory.max_usage_in_bytes": "6\n",
    "/m/memory.limit_in_bytes": "7\n",
    "/m/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    "/a/cpuacct.usage": "5000000\n",
    "/a/cpuacct.stat": "user 1\nsystem 2\n",
    "/c/cpu.stat": "nr_periods 3\nnr_throttled 2\nthrottled_time 9000\n",
    "/2/memory.current": "5\n",
    "/2/memory.peak": "6\n",
    "/2/memory.max": "7\n",
    "/2/memory.events": "low 0\noom 1\noom_kill 1\n",
    "/2/cpu.stat":
      "usage_usec 5000\nuser_usec 10000\nsystem_usec 20000\nnr_periods 3\nnr_throttled 2\nthrottled_usec 9\n",
  };
  const read = (path: string) => files[path] ?? null;
  const v1 = ([["m", "memory"], ["a", "cpuacct"], ["c", "cpu"]] as const)
    .map(([path, name]) => ({
      version: 1 as const,
      path: `/${path}`,
      controllers: [name],
    }));
  const expected = {
    memory: { current: 5, peak: 6, limit: 7, oomKills: 1 },
    cpu: {
      usage: 5000,
      user: 10_000,
      system: 20_000,
      periods: 3,
      throttledPeriods: 2,
      throttled: 9,
    },
  };
  assertEquals(readStats(v1, read), expected);
  assertEquals(
    readStats(
      [{ version: 2, path: "/2", controllers: ["memory", "cpu"] }],
      read,
    ),
    expected,
  );
  assertEquals(readStats([], read), {});
});
