/**
 * Every flag that limits, given to the program: the kernel is seen to act where
 * that can be seen, and to have been told where it cannot. The same for v1 and
 * v2, on this machine and in a virtual one, in both modes. Needs root and the
 * tools of busybox.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
} from "@std/assert";
import { readHierarchy } from "../../cgroup/mod.ts";
import { mountOf } from "../../cgroup/hierarchy.ts";
import { stateDirectory } from "../../lifecycle/state_directory.ts";
import { type Mode, testBoth, until } from "../_harness.ts";
import { descendants } from "../_host.ts";
import { someDisk } from "./_host.ts";

const MB = 1 << 20;
const hierarchy = readHierarchy();

const same = (name: string) => ({ v1: name, v2: name });
const BLOCK = { v1: "blkio", v2: "io" };

/** The tree that has a controller, or why a test has to be skipped. */
function lacks(names: { v1: string; v2: string }): string | null {
  return mountOf(hierarchy, names)
    ? null
    : `this machine has no ${names.v1} controller`;
}

/** A cgroup as its record has it. */
interface Group {
  version: 1 | 2;
  controllers: string[];
  path: string;
}

/** The cgroups of the container that a parent has made. */
export function groupsOf(parent: number): Group[] {
  const directory = `${stateDirectory()}/cgroups`;
  for (const { name } of Deno.readDirSync(directory)) {
    if (!name.endsWith(".json")) continue;
    const record = JSON.parse(Deno.readTextFileSync(`${directory}/${name}`));
    if (record.owner.pid === parent) return record.groups;
  }
  throw new Error(`There is no record of a cgroup of ${parent}`);
}

/** A file of a container's cgroup. */
function readLimit(parent: number, file: string): string {
  const group = groupsOf(parent).find(({ path }) => exists(`${path}/${file}`));
  if (!group) throw new Error(`No cgroup has ${file}`);
  return Deno.readTextFileSync(`${group.path}/${file}`).trim();
}

/** `run FLAGS sh -c SCRIPT`, to its end. */
const shell = (mode: Mode, flags: string, script: string) =>
  mode.run([...flags.split(" "), "sh", "-c", script]);

/** Starts a container that waits for a line, and looks at it meanwhile. */
async function whileWaiting(
  mode: Mode,
  flags: string[],
  look: (parent: number) => void | Promise<void>,
): Promise<void> {
  await using session = mode.startRun(
    ...flags,
    "sh",
    "-c",
    "echo ready; read line; exit 0",
  );
  await session.expect(/ready\n/);
  await look(session.pid);
  await session.send("\n");
  assertEquals(await session.end(), 0);
}

/** A shell's expression that needs so many megabytes. */
const grab = (megabytes: number) =>
  `x=$(head -c ${megabytes * MB} /dev/zero | tr '\\0' a)`;

/** Counts in a busy loop until it is killed. */
const COUNT = "i=0; trap 'echo $i; exit 0' TERM; while :; do i=$((i+1)); done";

/** A disk that a file below /var/tmp lies on, and that can be throttled. */
const disk = someDisk();

/** What each flag makes the kernel's files say: v1, v2. */
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
    flags: "-m 64m --memory-swap 96m",
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

/** Declares the tests for the cgroups that are here. */
export function testRunLimits(label: string): void {
  const both = (
    name: string,
    names: { v1: string; v2: string },
    fn: (mode: Mode) => Promise<void>,
    skip: string | null = null,
  ) => testBoth(`${label}: ${name}`, fn, { skip: skip ?? lacks(names) });

  for (const { flags, names, v1, v2 } of FILES) {
    both(`${flags} reaches the kernel`, names, async (mode) => {
      await whileWaiting(mode, flags.split(" "), (parent) => {
        const [file, value] = mountOf(hierarchy, names)!.version === 1
          ? v1
          : v2;
        assertEquals(readLimit(parent, file), value);
      });
    });
  }

  both(
    "-m: a command that wants more is killed, and it is said why",
    same("memory"),
    async (mode) => {
      const { status, stderr } = await shell(
        mode,
        "-m 32m --memory-swap 32m",
        `${grab(60)}; echo has it`,
      );
      assertEquals(status, 137, stderr);
      assertMatch(
        stderr,
        /^container: Out of memory: the kernel killed a process .* limit of 32 MiB/m,
      );
    },
  );

  both(
    "-m: a child that is killed is named, and the command lives on",
    same("memory"),
    async (mode) => {
      const { status, stdout, stderr } = await shell(
        mode,
        "-m 32m --memory-swap 32m",
        `sh -c '${
          grab(60).replaceAll("'", `'\\''`)
        }; echo has it'; echo ended $?`,
      );
      assertEquals([status, stdout], [0, "ended 137\n"], stderr);
      assertMatch(stderr, /^container: Out of memory: /m);
    },
  );

  both(
    "-m: what is enough is not complained of",
    same("memory"),
    async (mode) => {
      const { status, stderr } = await shell(mode, "-m 96m", grab(20));
      assertEquals([status, stderr], [0, ""]);
    },
  );

  both(
    "--memory-swap: more memory cannot be had as swap",
    same("memory"),
    async (mode) => {
      const { status } = await shell(
        mode,
        "-m 32m --memory-swap 40m",
        grab(60),
      );
      assertEquals(status, 137);
    },
  );

  for (const limit of [1, 3, 8, 20]) {
    both(
      `--pids-limit ${limit}: so many processes and no more`,
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
    "--pids-limit 1 is enough for a command that forks nothing",
    same("pids"),
    async (mode) => {
      const { status, stderr } = await mode.run(["--pids-limit", "1", "true"]);
      assertEquals([status, stderr], [0, ""]);
    },
  );

  both("--cpus: time beyond it has to wait", same("cpu"), async (mode) => {
    // cutime: what the processes waited for have used, in hundredths of a second.
    const { stdout } = await shell(
      mode,
      "--cpus 0.2",
      "timeout 2 sh -c 'while :; do :; done'; cut -d' ' -f16 /proc/$$/stat",
    );
    assertLess(Number(stdout), 100);
  });

  both(
    "--cpu-shares: who has more gets more of a busy CPU",
    same("cpu"),
    async (mode) => {
      const cpuset = lacks(same("cpuset")) ? "--cpu 0" : "--cpuset-cpus 0";
      const count = async (shares: number) => {
        const script = `sh -c "${
          COUNT.replaceAll("$", "\\$")
        }" & sleep 3; kill $!; wait`;
        const { stdout } = await shell(
          mode,
          `${cpuset} --cpu-shares ${shares}`,
          script,
        );
        return Number(stdout);
      };
      const [little, much] = await Promise.all([count(64), count(4096)]);
      assertGreater(little!, 0);
      assertGreater(much! / little!, 2);
    },
  );

  both(
    "--cpuset-cpus and --cpuset-mems: those and no others",
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

  const slow = async (mode: Mode, flag: string, script: string) => {
    const target = Deno.makeTempDirSync({ dir: "/var/tmp" });
    try {
      Deno.writeFileSync(`${target}/data`, new Uint8Array(3 * MB));
      await new Deno.Command("sync").output();
      const started = performance.now();
      const { status, stderr } = await shell(
        mode,
        `--device-${flag} -v ${target}:/mnt`,
        script,
      );
      assertEquals(status, 0, stderr);
      return performance.now() - started;
    } finally {
      Deno.removeSync(target, { recursive: true });
    }
  };
  const throttles: [flag: string, script: string][] = [
    [
      `read-bps ${disk}:1mb`,
      "dd if=/mnt/data of=/dev/null bs=256k iflag=direct",
    ],
    [
      `write-bps ${disk}:1mb`,
      "dd if=/dev/zero of=/mnt/out bs=256k count=12 oflag=direct",
    ],
    [
      `read-iops ${disk}:10`,
      "dd if=/mnt/data of=/dev/null bs=64k count=30 iflag=direct",
    ],
    [
      `write-iops ${disk}:10`,
      "dd if=/dev/zero of=/mnt/out bs=64k count=30 oflag=direct",
    ],
  ];
  for (const [flag, script] of throttles) {
    both(
      `--device-${flag}: a disk is no faster`,
      BLOCK,
      async (mode) => {
        assertGreater(await slow(mode, flag, script), 2000);
      },
      disk ? null : "there is no disk",
    );
  }

  both(
    "--blkio-weight is told to bfq, or the error says that it is missing",
    BLOCK,
    async (mode) => {
      const { status, stderr } = await mode.run([
        "--blkio-weight",
        "100",
        "true",
      ]);
      if (status === 0) return;
      assertEquals(status, 125);
      assertMatch(
        stderr,
        /weight.*ENOENT[^]*No disk scheduler here knows weights/,
      );
    },
  );

  both(
    "--hugetlb: huge pages beyond it are not to be had",
    same("hugetlb"),
    async (mode) => {
      const file = "/proc/sys/vm/nr_hugepages";
      const before = Deno.readTextFileSync(file);
      Deno.writeTextFileSync(file, "8");
      try {
        const { stdout, stderr } = await shell(
          mode,
          "--hugetlb 2MB:4m --privileged",
          `mount -t hugetlbfs none /mnt || exit 1
         fallocate -l 4194304 /mnt/a && echo four
         fallocate -l 4194304 /mnt/b && echo eight`,
        );
        assertEquals(stdout, "four\n", stderr);
      } finally {
        Deno.writeTextFileSync(file, before);
      }
    },
  );

  both(
    "--cgroup-parent: made below it, and its limits hold too",
    same("pids"),
    async (mode) => {
      const { path, version } = mountOf(hierarchy, same("pids"))!;
      const name = `parent-${Deno.pid}`;
      Deno.mkdirSync(`${path}/${name}`);
      try {
        if (version === 2) {
          Deno.writeTextFileSync(`${path}/cgroup.subtree_control`, "+pids");
        }
        Deno.writeTextFileSync(`${path}/${name}/pids.max`, "4");
        const flags = `--cgroup-parent /${name}`;
        await whileWaiting(mode, flags.split(" "), (parent) => {
          for (const group of groupsOf(parent)) {
            assertMatch(
              group.path,
              new RegExp(`/${name}/container-[0-9a-f]+$`),
            );
          }
        });
        const { stderr } = await shell(
          mode,
          flags,
          "for i in 1 2 3 4 5 6; do sleep 5 & done; exit 0",
        );
        assertMatch(stderr, /can't fork/);
      } finally {
        Deno.removeSync(`${path}/${name}`);
      }
    },
  );

  both(
    "our program as PID 1 is outside of the limits, the command is the root of its view",
    same("memory"),
    async (mode) => {
      await whileWaiting(mode, ["-m", "64m"], (parent) => {
        const inside = new Set(
          groupsOf(parent).flatMap(({ path }) =>
            Deno.readTextFileSync(`${path}/cgroup.procs`).split("\n")
              .filter(Boolean).map(Number)
          ),
        );
        const all = descendants(parent).map(({ pid }) => pid);
        assertEquals(
          all.filter((pid) => !inside.has(pid)).length,
          mode.init ? 1 : 0,
        );
        assertEquals(inside.size, 1);
      });
      const { stdout } = await shell(mode, "-m 64m", "cat /proc/self/cgroup");
      assertMatch(stdout, /^(\d+:[^:]*:\/\n)+$/);
    },
  );

  both(
    "a parent that was killed is swept after by the next command",
    same("memory"),
    async (mode) => {
      const session = mode.startRun(
        "-m",
        "64m",
        "sh",
        "-c",
        "echo ready; sleep 1000",
      );
      await session.expect(/ready\n/);
      const groups = groupsOf(session.pid);
      session.kill("SIGKILL");
      await session.end();
      await until(
        "the container ends",
        () => descendants(Deno.pid).every(({ state }) => state === "Z"),
      );
      assertEquals((await mode.run(["-m", "64m", "true"])).status, 0);
      for (const { path } of groups) {
        assert(!exists(path), path);
      }
    },
  );
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
