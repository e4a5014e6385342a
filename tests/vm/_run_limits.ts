/**
 * The flags for limits: the kernel enforces each limit, or at least its files
 * contain it. The same for v1 and v2, on this machine and in a virtual one, in
 * both modes. Needs root and the tools of busybox. Disks and huge pages are in
 * _run_disk_limits.ts, the place of the cgroup is in _run_place.ts.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import {
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
} from "@std/assert";
import { mountOf } from "../../cgroup/hierarchy.ts";
import { until } from "../_harness.ts";
import { descendants } from "../_host.ts";
import {
  declare,
  hierarchy,
  lacks,
  MB,
  readLimit,
  same,
  shell,
  whileWaiting,
} from "./_limited.ts";

/** A shell expression that needs this many megabytes. */
const grab = (megabytes: number) =>
  `x=$(head -c ${megabytes * MB} /dev/zero | tr '\\0' a)`;

/** Keeps a CPU busy until it is sent a line. */
const BUSY = "while :; do :; done & echo busy; read line; kill $!";

/** The CPU time of what runs below a process, in hundredths of a second. */
const usedBelow = (parent: number): number =>
  descendants(parent).reduce((sum, { used }) => sum + used, 0);

/** The contents of the kernel's files for each flag: v1, v2. */
const FILES: readonly {
  flags: string;
  names: { v1: string; v2: string };
  v1: [file: string, value: string];
  v2: [file: string, value: string];
}[] = [
  {
    flags: "-m 64m",
    names: same("memory"),
    v1: ["memory.limit_in_bytes", String(64 * MB)],
    v2: ["memory.max", String(64 * MB)],
  },
  {
    flags: "--memory-swap 96m",
    names: same("memory"),
    v1: ["memory.memsw.limit_in_bytes", String(96 * MB)],
    v2: ["memory.swap.max", String(32 * MB)],
  },
  {
    flags: "--memory-reservation 16m",
    names: same("memory"),
    v1: ["memory.soft_limit_in_bytes", String(16 * MB)],
    v2: ["memory.low", String(16 * MB)],
  },
  {
    flags: "--cpus 0.5",
    names: same("cpu"),
    v1: ["cpu.cfs_quota_us", "50000"],
    v2: ["cpu.max", "50000 100000"],
  },
  {
    flags: "--cpu-shares 512",
    names: same("cpu"),
    v1: ["cpu.shares", "512"],
    v2: ["cpu.weight", "59"],
  },
  {
    flags: "--cpuset-cpus 0",
    names: same("cpuset"),
    v1: ["cpuset.cpus", "0"],
    v2: ["cpuset.cpus", "0"],
  },
  {
    flags: "--cpuset-mems 0",
    names: same("cpuset"),
    v1: ["cpuset.mems", "0"],
    v2: ["cpuset.mems", "0"],
  },
  {
    flags: "--pids-limit 20",
    names: same("pids"),
    v1: ["pids.max", "20"],
    v2: ["pids.max", "20"],
  },
  {
    flags: "--hugetlb 2MB:4m",
    names: same("hugetlb"),
    v1: ["hugetlb.2MB.limit_in_bytes", String(4 * MB)],
    v2: ["hugetlb.2MB.max", String(4 * MB)],
  },
];

/** Declares the tests for the cgroups of this machine. */
export function testRunLimits(label: string): void {
  const both = declare(label);

  const here = FILES.filter(({ names }) => !lacks(names));
  both(
    "the kernel's files contain the limits of the flags",
    same("memory"),
    async (mode) => {
      const flags = here.flatMap(({ flags }) => flags.split(" "));
      await whileWaiting(mode, flags, (parent) => {
        for (const { flags, names, v1, v2 } of here) {
          const { version } = mountOf(hierarchy, names)!;
          const [file, value] = version === 1 ? v1 : v2;
          assertEquals(readLimit(parent, file), value, flags);
        }
      });
    },
  );

  both(
    "-m kills a command that needs more, and reports why",
    same("memory"),
    async (mode) => {
      const { status, stderr } = await shell(
        mode,
        "-m 16m --memory-swap 16m",
        `${grab(30)}; echo has it`,
      );
      assertEquals(status, 137, stderr);
      assertMatch(
        stderr,
        /^container: Out of memory: the kernel killed (a process|\d+ processes) of .* limit of 16 MiB/m,
      );
    },
  );

  both(
    "-m names a killed child, and the command runs on",
    same("memory"),
    async (mode) => {
      const { status, stdout, stderr } = await shell(
        mode,
        "-m 16m --memory-swap 16m",
        `sh -c '${
          grab(30).replaceAll("'", `'\\''`)
        }; echo has it'; echo ended $?`,
      );
      assertEquals([status, stdout], [0, "ended 137\n"], stderr);
      assertMatch(stderr, /^container: Out of memory: /m);
    },
  );

  both(
    "-m prints no message if the memory is enough",
    same("memory"),
    async (mode) => {
      const { status, stderr } = await shell(mode, "-m 64m", grab(10));
      assertEquals([status, stderr], [0, ""]);
    },
  );

  both(
    "--memory-swap: swap does not give more memory",
    same("memory"),
    async (mode) => {
      const { status } = await shell(
        mode,
        "-m 16m --memory-swap 20m",
        grab(30),
      );
      assertEquals(status, 137);
    },
  );

  for (const limit of [1, 3, 8, 20]) {
    both(
      `--pids-limit ${limit} allows exactly that many processes`,
      same("pids"),
      async (mode) => {
        const { stdout, stderr } = await shell(
          mode,
          `--pids-limit ${limit}`,
          // The shell is one of them.
          "i=1; while [ $i -lt 25 ]; do sleep 5 & i=$((i+1)); echo $i; done; exit 0",
        );
        assertMatch(stderr, /can't fork/);
        assertEquals(
          stdout.trim().split("\n").at(-1),
          limit === 1 ? "" : String(limit),
        );
      },
    );
  }

  both(
    "--pids-limit 1 is enough for a command without children",
    same("pids"),
    async (mode) => {
      const { status, stderr } = await mode.run(["--pids-limit", "1", "true"]);
      assertEquals([status, stderr], [0, ""]);
    },
  );

  both("--cpus limits the CPU time", same("cpu"), async (mode) => {
    // cutime: the CPU time of reaped children, in hundredths of a second.
    const { stdout } = await shell(
      mode,
      "--cpus 0.2",
      "timeout 2 sh -c 'while :; do :; done'; cut -d' ' -f16 /proc/$$/stat",
    );
    assertLess(Number(stdout), 100);
  });

  both(
    "--cpu-shares: a container with more shares gets more of a busy CPU",
    same("cpu"),
    async (mode) => {
      const start = async (shares: number) => {
        const flags = `--cpuset-cpus 0 --cpu-shares ${shares}`.split(" ");
        const session = mode.startRun(...flags, "sh", "-c", BUSY);
        await session.expect(/busy\n/);
        return session;
      };
      // Once the other is busy, the one with little could hardly start.
      await using little = await start(64);
      await using much = await start(4096);
      const used = () => [usedBelow(little.pid), usedBelow(much.pid)] as const;
      const before = used();
      await until("one has used the CPU", () => used()[1] - before[1] > 300);
      const after = used();
      // Ends the other way round: now both have it.
      for (const session of [much, little]) {
        await session.send("\n");
        assertEquals(await session.end(), 0);
      }
      assertGreater(after[0], before[0]);
      assertGreater((after[1] - before[1]) / (after[0] - before[0]), 2);
    },
  );

  both(
    "--cpuset-cpus and --cpuset-mems allow only the given numbers",
    same("cpuset"),
    async (mode) => {
      const { stdout } = await shell(
        mode,
        "--cpuset-cpus 1 --cpuset-mems 0",
        "grep _allowed_list /proc/self/status",
      );
      assertMatch(stdout, /Cpus_allowed_list:\s1\nMems_allowed_list:\s0\n/);
    },
  );
}
