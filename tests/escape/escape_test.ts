/**
 * Attacks that have worked elsewhere, tried as root inside a default container.
 * Each attempt fails, and the host is unchanged. See escape_race_test.ts for
 * paths that change meanwhile, and escape_docker_test.ts for docker's own
 * values.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { EVERYONE, noAttacker, parseAttempts, Target } from "../_attack.ts";
import { noInt80 } from "../_int80.ts";
import {
  COMPILED,
  CONTAINER,
  execute,
  shellLine,
  startTerminal,
  test,
  without,
} from "../_harness.ts";

const REFUSED = ["EPERM", "ENOSYS"];
const CLOSED = ["EACCES", "EPERM", "ENOENT"];

const notIn = (
  expected: readonly string[],
  attempts: [string, string][],
) => attempts.filter(([, result]) => !expected.includes(result));

for (const { name, mode, flags, rootless, skip } of EVERYONE) {
  const make = (prepare?: (rootfs: string) => void | Promise<void>) =>
    Target.make({ flags, rootless, prepare });
  const attack = (what: string, fn: () => Promise<void>) =>
    test(`${what} (${name})`, fn, { skip: skip ?? noAttacker });

  attack(
    "mount, unshare, keyctl, bpf, module and similar calls are refused",
    async () => {
      await using target = await make();
      const attempts = await target.attack(["syscalls"]);
      assert(attempts.length > 45, String(attempts.length));
      assertEquals(notIn(REFUSED, attempts), []);
    },
  );

  attack("the same calls are refused through the x32 entry", async () => {
    await using target = await make();
    const { stdout } = await target.run(["attack", "x32"]);
    const attempts = stdout ? parseAttempts(stdout) : [];
    assertEquals(notIn(REFUSED, attempts), []);
    assertEquals(attempts.length, Deno.build.arch === "x86_64" ? 1 : 0);
  });

  test(
    `the same calls are refused through the 32-bit entries (${name})`,
    async () => {
      await using target = await make();
      const { stdout } = await target.run(["attack", "int80"]);
      const attempts = parseAttempts(stdout);
      assertEquals(notIn(REFUSED, attempts), []);
      assertEquals(attempts.length, 4);
    },
    { skip: skip ?? noAttacker ?? noInt80 },
  );

  attack(
    "raw sockets reach only the container's own loopback",
    async () => {
      await using target = await make();
      const { stdout } = await target.run(["attack", "interfaces"]);
      assertEquals(
        stdout.split("\n").filter((line) => line.startsWith("interface")),
        ["interface lo"],
      );
    },
  );

  attack(
    "no file of the host's kernel can be opened for writing",
    async () => {
      await using target = await make();
      const { stdout, status } = await target.run(
        ["attack", "writable", "/proc", "/sys", "/dev"],
      );
      assertEquals(status, 0);
      const open = stdout.trim().split("\n");
      assertEquals(
        open.filter((path) =>
          /^\/(sys|proc\/(sys|sysrq-trigger|kcore|bus|irq|fs|acpi|scsi|kmsg|mtrr))(\/|$)/
            .test(path)
        ),
        [],
      );
      assertEquals(
        open.filter((path) => path.startsWith("/dev/")).toSorted(),
        [
          "/dev/full",
          "/dev/null",
          "/dev/pts/ptmx",
          "/dev/random",
          "/dev/urandom",
          "/dev/zero",
        ],
      );
    },
  );

  attack(
    "core_pattern, release_agent, sysrq, uevent_helper and binfmt_misc keep their values",
    async () => {
      const files = [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/kernel/hotplug",
        "/proc/sys/kernel/sysrq",
        "/proc/sys/vm/panic_on_oom",
        "/proc/sys/fs/binfmt_misc/register",
        "/proc/sysrq-trigger",
        "/sys/kernel/uevent_helper",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/fs/cgroup/release_agent",
        "/sys/fs/cgroup/cpu/release_agent",
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/power/state",
      ];
      const values = () =>
        files.filter((path) => !path.endsWith("sysrq-trigger")).map(readOrNull);
      const before = values();
      await using target = await make();
      // The letter h asks sysrq for help, which is visible but harmless.
      const { stdout } = await target.shell(
        files.map((path) =>
          `mount -o remount,rw ${path} 2>/dev/null; (echo h > ${path}) 2>/dev/null && echo written: ${path}`
        ).join("\n") + "\ntrue",
      );
      assertEquals(stdout, "");
      assertEquals(values(), before);
    },
  );

  if (mode === "init") {
    attack(
      "PID 1, its tasks, memory, files and descriptors are closed",
      async () => {
        await using target = await make();
        const attempts = await target.attack(["process", "1"]);
        const tasks = new Set(
          attempts.flatMap(([what]) => what.match(/task\/(\d+)/)?.[1] ?? []),
        );
        // A compiled program may have a single task.
        const least = COMPILED ? 1 : 2;
        assert(tasks.size >= least, "the tasks of our runtime were tried");
        assert(attempts.length > 20 * tasks.size, String(attempts.length));
        assertEquals(notIn(CLOSED, attempts), []);
      },
    );
  } else {
    attack(
      "our program is not inside: every executable is the container's",
      async () => {
        await using target = await make();
        const { stdout } = await target.shell(
          "for exe in /proc/[0-9]*/exe /proc/[0-9]*/task/*/exe; do readlink $exe; done | sort -u",
        );
        assertEquals(stdout, "/bin/busybox\n");
      },
    );
  }

  for (
    const [what, content] of [
      ["a script with #!/proc/self/exe", "#!/proc/self/exe\n"],
      ["a script with #!/proc/1/exe", "#!/proc/1/exe\n"],
      ["a link to /proc/self/exe", null],
    ] as const
  ) {
    attack(
      `${what} and a planted loader run nothing (CVE-2019-5736)`,
      async () => {
        const ours = await digestOfOurs();
        await using target = await make((rootfs) => plant(rootfs, content));
        const { status, stdout } = await target.run(["evil"]);
        assertNotEquals(status, 0);
        assertEquals(stdout, "");
        assertEquals(readOrNull(`${target.rootfs}/owned`), null);
        assertEquals(await digestOfOurs(), ours);
      },
    );
  }

  attack(
    "none of our descriptors leads the working directory outside (CVE-2024-21626)",
    async () => {
      await using target = await make((rootfs) => {
        for (let fd = 3; fd < 12; fd++) {
          Deno.symlinkSync(`/proc/self/fd/${fd}/`, `${rootfs}/fd${fd}`);
        }
      });
      const numbers = [3, 4, 5, 6, 7, 8, 9, 20, 60, 61, 64, 65, 66];
      const paths = [
        ...numbers.map((fd) => `/proc/self/fd/${fd}`),
        ...numbers.slice(0, 5).map((fd) => `/proc/self/fd/${fd}/../..`),
        "/proc/1/cwd",
        "/fd5",
        "/fd7",
        "/fd9",
      ];
      const line = (path: string) =>
        shellLine([
          ...CONTAINER,
          ...target.words("-w", path, "sh", "-c", "pwd -P; ls -d etc/hostname"),
        ]);
      // Run by root, while the caller has directories of the host open.
      const results = await pooled(paths, (path) =>
        execute([
          "bash",
          "-c",
          `exec 5</etc 7</ 9<.; exec ${line(path)}`,
        ]).then((result) => ({ path, ...result })));
      for (const { path, status, stdout } of results) {
        if (status === 0) assertEquals(stdout.split("\n")[0], "/", path);
        else assertEquals(stdout, "", path);
      }
    },
  );

  attack(
    "the command has three descriptors and no more rights than docker's",
    async () => {
      await using target = await make();
      const { stdout } = await target.shell(
        "ls /proc/self/fd; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status",
      );
      assertEquals(
        stdout.replaceAll("\t", " "),
        [
          "0",
          "1",
          "2",
          // The directory that ls reads.
          "3",
          "CapInh: 0000000000000000",
          "CapPrm: 00000000a80425fb",
          "CapEff: 00000000a80425fb",
          "CapBnd: 00000000a80425fb",
          "CapAmb: 0000000000000000",
          "NoNewPrivs: 1",
          "Seccomp: 2",
          "",
        ].join("\n"),
      );
    },
  );
}

for (const flags of [[], ["--no-init"]]) {
  test(
    `no name of the root filesystem reaches the terminal as a control sequence (${
      flags.join() || "init"
    })`,
    async () => {
      await using target = await Target.make({
        flags,
        prepare: (rootfs) =>
          Deno.writeTextFile(
            `${rootfs}/bin/evil`,
            "#!/bin/\x1b]0;owned\x07\x1b[31mred\x9b1m\n",
            { mode: 0o755 },
          ),
      });
      const { status, stderr } = await target.run(["evil"]);
      assertEquals(status, 127);
      // deno-lint-ignore no-control-regex
      assertEquals(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(stderr), false, stderr);
    },
  );
}

test("TIOCSTI puts no input into the terminal that is shared", async () => {
  await using target = await Target.make();
  for (const flags of [[], ["--no-init"]]) {
    await using session = startTerminal(
      shellLine([
        ...CONTAINER,
        ...target.words(...flags, "attack", "syscalls"),
      ]),
    );
    await session.end();
    const attempts = parseAttempts(session.output).filter(([what]) =>
      what.startsWith("ioctl")
    );
    assertEquals(attempts.map(([, result]) => result), [
      "EPERM",
      "EPERM",
      "EPERM",
    ]);
  }
}, { skip: noAttacker ?? without("script") });

function readOrNull(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}

/** The digest of our executable on the host. */
async function digestOfOurs(): Promise<string> {
  const { stdout } = await execute(["sha256sum", CONTAINER[0]!]);
  return stdout;
}

/**
 * Plants a command that leads to our executable, and loaders for it that leave
 * a mark.
 */
async function plant(rootfs: string, content: string | null): Promise<void> {
  if (content === null) {
    await Deno.symlink("/proc/self/exe", `${rootfs}/bin/evil`);
  } else {
    await Deno.writeTextFile(`${rootfs}/bin/evil`, content, { mode: 0o755 });
  }
  for (const directory of ["lib", "lib64", "usr/lib"]) {
    await Deno.mkdir(`${rootfs}/${directory}`, { recursive: true });
    for (
      const name of [
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
        "libc.so.6",
        "libdl.so.2",
      ]
    ) {
      await Deno.writeTextFile(
        `${rootfs}/${directory}/${name}`,
        "#!/bin/sh\ntouch /owned\n",
        { mode: 0o755 },
      );
    }
  }
}

/** Runs four at a time. */
async function pooled<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const left = [...items];
  const results: R[] = [];
  await Promise.all(Array.from({ length: 4 }, async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      results.push(await work(item));
    }
  }));
  return results;
}
