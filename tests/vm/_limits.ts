// deno-lint-ignore-file no-sync-fn-in-async-fn -- the tested functions are synchronous
/**
 * Sets every limit and checks what the kernel does: the same for v1 and v2, on
 * this machine and in a virtual one. Needs root and the tools of busybox.
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
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { THIS_MACHINE } from "../../containers/world/real_world.ts";
import { parseLimit } from "../../cgroup/stats.ts";
import {
  type Cgroup,
  DEFAULT_DEVICE_RULES,
  deviceLookup,
  readHierarchy,
} from "../../cgroup/mod.ts";
import { sweep, UndoFile } from "../../launch/host/undo_file.ts";
import { thisProcess } from "../../launch/host/owner.ts";
import { makeCgroup } from "./_cgroup.ts";
import { mountOf } from "../../cgroup/hierarchy.ts";
import { ourCgroups, restoreEnabled, someDisk } from "./_host.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Resources } from "../../spec/resources.ts";

const MB = 1 << 20;
const REPOSITORY = new URL("../../", import.meta.url).pathname;
let counter = 0;

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
  milliseconds: number;
}

/** Starts a shell that enters the cgroup by itself, like the walker. */
function start(cgroup: Cgroup, script: string): Deno.ChildProcess {
  const enter = cgroup.joinFiles().map((file) =>
    `echo $$ > ${file} || exit 99`
  );
  return new Deno.Command("sh", {
    args: ["-c", [...enter, script].join("\n")],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function run(cgroup: Cgroup, script: string): Promise<Ended> {
  const started = performance.now();
  const { code, stdout, stderr } = await start(cgroup, script).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert(code !== 99, text(stderr));
  return {
    code,
    stdout: text(stdout),
    stderr: text(stderr),
    milliseconds: performance.now() - started,
  };
}

/** Declares the tests for the cgroups of this machine. */
export function testLimits(label: string): void {
  const hierarchy = readHierarchy();
  const test = (
    name: string,
    controller: { v1: string | null; v2: string | null } | null,
    resources: Resources,
    body: (cgroup: Cgroup) => void | Promise<void>,
  ) => {
    const ignore = Deno.uid() !== 0 ||
      (controller !== null && !mountOf(hierarchy, controller));
    Deno.test({
      name: `${label}: ${name}${
        ignore ? " (skipped: needs root and the controller)" : ""
      }`,
      ignore,
      fn: async () => {
        const before = ourCgroups(hierarchy);
        using _enabled = restoreEnabled(hierarchy);
        {
          using cgroup = await makeCgroup({
            id: `test-${Deno.pid}-${++counter}`,
            resources,
            stats: true,
            freeze: true,
          }, hierarchy);
          await body(cgroup);
        }
        assertEquals(ourCgroups(hierarchy), before, "a cgroup was left behind");
      },
    });
  };
  const same = (name: string) => ({ v1: name, v2: name });

  test("memory: too much causes an out-of-memory kill", same("memory"), {
    memory: { limit: 32 * MB, swap: 32 * MB },
  }, async (cgroup) => {
    assertEquals(cgroup.oomKilled(), false);
    const { code } = await run(
      cgroup,
      "dd if=/dev/zero of=/dev/null bs=100M count=1",
    );
    assert(code !== 0, "dd had its 100 MB");
    assertEquals(cgroup.oomKilled(), true);
    assertMatch(
      cgroup.oomMessage()!,
      /killed (?:a process|\d+ processes) of the container, because it reached its limit of 32 MiB; /,
    );
    const { memory } = cgroup.stats();
    assertEquals(memory!.limit, 32 * MB);
    assertGreater(memory!.oomKills, 0);
    assertGreater(memory!.peak ?? 32 * MB, 20 * MB);
  });

  test("memory: a use below the limit causes no kill", same("memory"), {
    memory: { limit: 256 * MB, swap: 256 * MB, reservation: 64 * MB },
  }, async (cgroup) => {
    const { code, stderr } = await run(
      cgroup,
      "dd if=/dev/zero of=/dev/null bs=100M count=1",
    );
    assertEquals(code, 0, stderr);
    assertEquals(cgroup.oomKilled(), false);
  });

  test("pids: one process too many cannot be forked", same("pids"), {
    pids: { limit: 5 },
  }, async (cgroup) => {
    const { stderr } = await run(
      cgroup,
      "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait",
    );
    assertMatch(stderr, /fork/i);
    assertEquals(cgroup.stats().pids!.limit, 5);
  });

  test("cpu: time beyond the quota has to wait", same("cpu"), {
    cpu: { quota: 10_000, period: 50_000, shares: 512 },
  }, async (cgroup) => {
    const { milliseconds } = await run(
      cgroup,
      "timeout 2 sh -c 'while :; do :; done'",
    );
    const cpu = cgroup.stats().cpu!;
    assertGreater(cpu.throttledPeriods!, 5);
    assertGreater(cpu.throttled!, 0);
    assertLess(cpu.usage / 1000, milliseconds / 2);
  });

  test("cpuset: only the chosen CPUs are used", same("cpuset"), {
    cpu: { cpus: "0", mems: "0" },
  }, async (cgroup) => {
    const { stdout } = await run(
      cgroup,
      "grep Cpus_allowed_list /proc/self/status",
    );
    assertMatch(stdout, /:\s*0\n/);
  });

  test("devices: a device that is not allowed cannot be opened", null, {
    devices: [...DEFAULT_DEVICE_RULES],
  }, async (cgroup) => {
    const directory = Deno.makeTempDirSync();
    try {
      const { stdout, stderr } = await run(
        cgroup,
        `mknod ${directory}/kmsg c 1 11 && echo made
         head -c 1 /dev/zero > /dev/null && echo zero
         head -c 1 ${directory}/kmsg && echo kmsg
         echo x > ${directory}/kmsg && echo written`,
      );
      assertEquals(stdout, "made\nzero\n");
      assertMatch(stderr, /not permitted/);
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  });

  test("devices: only the access that is not allowed is refused", null, {
    devices: [
      { allow: false, access: "rwm" },
      ...DEFAULT_DEVICE_RULES.filter((rule) => rule.allow && rule.major !== 1),
      { allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
      { allow: true, type: "c", major: 1, minor: 5, access: "rwm" },
      { allow: false, type: "c", major: 1, minor: 5, access: "w" },
    ],
  }, async (cgroup) => {
    const { stdout } = await run(
      cgroup,
      "head -c 1 /dev/zero > /dev/null && echo read; echo > /dev/zero && echo written; : <> /dev/zero && echo both",
    );
    assertEquals(stdout, "read\n");
  });

  const disk = someDisk();
  const number = disk
    ? deviceLookup(THIS_MACHINE)(disk)
    : { major: 0, minor: 0 };
  test(
    "io: a disk is not read faster than allowed",
    disk ? { v1: "blkio", v2: "io" } : same("(no disk)"),
    { blockIO: { throttleReadBpsDevice: [{ ...number, rate: MB }] } },
    async (cgroup) => {
      // A file, since some hosts allow nobody to open their own disk.
      const file = Deno.makeTempFileSync({ dir: "/var/tmp" });
      try {
        Deno.writeFileSync(file, new Uint8Array(2.5 * MB));
        const { milliseconds, code, stderr } = await run(
          cgroup,
          `dd if=${file} of=/dev/null bs=256k iflag=direct || exit
           dd if=${file} of=/dev/null bs=256k iflag=direct`,
        );
        assertEquals(code, 0, stderr);
        // 5 MB at 1 MB per second.
        assertGreater(milliseconds, 3000);
        const io = cgroup.stats().io!.find(({ major, minor }) =>
          major === number.major && minor === number.minor
        );
        assertGreater(io!.readBytes, 4 * MB);
      } finally {
        Deno.removeSync(file);
      }
    },
  );

  test("hugetlb: huge pages beyond the limit are refused", same("hugetlb"), {
    hugepageLimits: [{ pageSize: "2MB", limit: 4 * MB }],
  }, async (cgroup) => {
    const file = "/proc/sys/vm/nr_hugepages";
    const before = Deno.readTextFileSync(file);
    const directory = Deno.makeTempDirSync();
    Deno.writeTextFileSync(file, "8");
    try {
      const { stdout, stderr } = await run(
        cgroup,
        `mount -t hugetlbfs none ${directory} || exit 1
         fallocate -l 4194304 ${directory}/a && echo four
         fallocate -l 4194304 ${directory}/b && echo eight
         umount ${directory}`,
      );
      assertEquals(stdout, "four\n", stderr);
    } finally {
      Deno.writeTextFileSync(file, before);
      Deno.removeSync(directory);
    }
  });

  test("freeze() stops and thaw() continues", null, {}, async (cgroup) => {
    const file = Deno.makeTempFileSync();
    const child = start(
      cgroup,
      `while :; do echo x >> ${file}; sleep 0.01; done`,
    );
    const size = () => Deno.statSync(file).size;
    const grows = async (milliseconds: number) => {
      const before = size();
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      return size() > before;
    };
    try {
      while (!size()) await grows(10);
      cgroup.freeze();
      assertEquals(await grows(300), false, "it ran while frozen");
      cgroup.thaw();
      assertEquals(await grows(1000), true, "it did not go on");
      cgroup.freeze();
    } finally {
      cgroup.kill();
      await child.output();
      Deno.removeSync(file);
    }
    assertEquals(cgroup.pids(), []);
  });

  test(
    "kill() ends every process, and remove() removes directories below as well",
    null,
    {},
    async (cgroup) => {
      const below = cgroup.joinFiles().map((procs) =>
        procs.replace("cgroup.procs", "below")
      );
      for (const path of below) Deno.mkdirSync(path);
      const child = start(cgroup, "sleep 1000 & sleep 1000 & echo ready; wait");
      const reader = child.stdout.getReader();
      await reader.read();
      assertEquals(cgroup.pids().length, 3);
      cgroup.kill();
      assertEquals(cgroup.pids(), []);
      await reader.cancel();
      await child.stderr.cancel();
      assertEquals((await child.status).signal, "SIGKILL");
    },
  );

  test("update() raises and lowers limits", same("memory"), {
    memory: { limit: 64 * MB, swap: 64 * MB },
  }, (cgroup) => {
    const limit = () => cgroup.stats().memory!.limit;
    cgroup.update({ memory: { limit: 128 * MB, swap: 128 * MB } });
    assertEquals(limit(), 128 * MB);
    cgroup.update({ memory: { limit: 32 * MB, swap: 40 * MB } });
    assertEquals(limit(), 32 * MB);
    cgroup.update({ memory: { limit: -1, swap: -1 } });
    assertEquals(limit(), parseLimit("max"));
  });

  test(
    "a value that the kernel refuses is an error with its reason",
    same("cpuset"),
    {},
    async () => {
      const before = ourCgroups(hierarchy);
      const error = await assertRejects(
        () =>
          makeCgroup({
            id: `refused-${Deno.pid}`,
            resources: { cpu: { cpus: "4000" } },
          }, hierarchy),
        ContainerError,
        "cpuset.cpus",
      );
      assertStringIncludes((error as ContainerError).hint ?? "", "online");
      assertEquals(ourCgroups(hierarchy), before);
    },
  );

  test("remains of a killed command are removed", null, {}, async () => {
    const directory = Deno.makeTempDirSync();
    const before = ourCgroups(hierarchy);
    const program = `
      import { readHierarchy } from "${REPOSITORY}cgroup/mod.ts";
      import { UndoFile } from "${REPOSITORY}launch/host/undo_file.ts";
      import { makeCgroup } from "${REPOSITORY}tests/vm/_cgroup.ts";
      const cgroup = await makeCgroup(
        { id: "swept", stats: true, cgroupsPath: "/swept-${Deno.pid}/inner" },
        readHierarchy(),
        new UndoFile(${JSON.stringify(directory)}, "swept"),
      );
      const child = new Deno.Command("sleep", { args: ["1000"], stdin: "null", stdout: "null", stderr: "null" }).spawn();
      cgroup.join(child.pid);
      Deno.kill(Deno.pid, "SIGKILL");`;
    try {
      await new Deno.Command(Deno.execPath(), {
        args: ["eval", "--no-config", "--no-lock", program],
        stdout: "null",
      }).output();
      assertGreater(ourCgroups(hierarchy).length, before.length);
      const { removed, failed } = sweep(directory);
      assertEquals([removed.length, failed], [1, []]);
      assertEquals([...Deno.readDirSync(directory)], []);
      assertEquals(ourCgroups(hierarchy), before);
      // The record of a living process stays.
      new UndoFile(directory, "alive")
        .intend({ owner: thisProcess(), undos: [] });
      assertEquals(sweep(directory), { removed: [], failed: [] });
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  });
}
