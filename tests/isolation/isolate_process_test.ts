/** The user, rights and settings of the command: flags for the process. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import {
  CAPABILITIES,
  DEFAULT_CAPABILITIES,
} from "../../plan/process/capabilities.ts";
import {
  copyRootfs,
  execute,
  type Mode,
  shellLine,
  TempDir,
  testBoth,
} from "../_harness.ts";

const HOST_STATUS = Deno.readTextFileSync("/proc/self/status");

/** The lines of /proc/self/status of a command inside. */
async function statusOf(
  mode: Mode,
  ...flags: string[]
): Promise<Record<string, string>> {
  const { stdout, stderr } = await mode.run(
    [...flags, "cat", "/proc/self/status"],
  );
  assertEquals(stderr, "");
  return parseStatus(stdout);
}

const parseStatus = (text: string): Record<string, string> =>
  Object.fromEntries(
    text.trim().split("\n").map((line) => line.split(/:\s*/, 2)),
  );

/** A mask of capabilities, in the form of /proc/PID/status. */
const mask = (names: readonly string[]) =>
  CAPABILITIES.reduce(
    (bits, name, index) =>
      names.includes(name) ? bits | 1n << BigInt(index) : bits,
    0n,
  ).toString(16).padStart(16, "0");

/** Makes a root filesystem with accounts of its own. */
async function withAccounts(dir: TempDir): Promise<string> {
  const path = await copyRootfs(dir.path);
  await Deno.writeTextFile(
    `${path}/etc/passwd`,
    "root:x:0:0::/root:/bin/sh\ntester:x:1234:2345::/home/tester:/bin/sh\n",
  );
  await Deno.writeTextFile(
    `${path}/etc/group`,
    "root:x:0:\ntesters:x:2345:\nextra:x:3456:tester\nother:x:4567:\n",
  );
  return path;
}

for (
  const [user, expected] of [
    ["tester", "uid=1234 gid=2345 groups=2345,3456 home=/home/tester"],
    ["1234", "uid=1234 gid=2345 groups=2345,3456 home=/home/tester"],
    ["tester:other", "uid=1234 gid=4567 groups=4567 home=/home/tester"],
    ["77:88", "uid=77 gid=88 groups=88 home=/"],
    ["77", "uid=77 gid=0 groups=0 home=/"],
    ["0:testers", "uid=0 gid=2345 groups=2345 home=/root"],
  ] as const
) {
  testBoth(`-u ${user} is resolved in the root filesystem`, async (mode) => {
    await using dir = new TempDir();
    const path = await withAccounts(dir);
    const { stdout, stderr } = await mode.run([
      ...["--rootfs", path, "-u", user, "sh", "-c"],
      "field() { sed -n \"s/^$1:\\t//p\" /proc/self/status | cut -f 1; }; echo uid=$(field Uid) gid=$(field Gid) groups=$(echo $(field Groups) | tr ' ' ',') home=$HOME",
    ]);
    assertEquals([stdout, stderr], [`${expected}\n`, ""]);
  });
}

testBoth(
  "--group-add adds groups by name and number",
  async (mode) => {
    await using dir = new TempDir();
    const { Groups } = await statusOf(
      mode,
      ...["--rootfs", await withAccounts(dir), "-u", "tester"],
      ...["--group-add", "other", "--group-add", "99"],
    );
    assertEquals(Groups!.trim().split(" ").toSorted(), [
      "2345",
      "3456",
      "4567",
      "99",
    ]);
  },
);

testBoth(
  "-u refuses an unknown name in one line",
  async (mode) => {
    const { status, stdout, stderr } = await mode.run(["-u", "nosuch", "true"]);
    assertEquals([status, stdout], [125, ""]);
    assertMatch(
      stderr,
      /^container: Cannot run as nosuch: no such user in the root filesystem's \/etc\/passwd\. [^\n]+\n$/,
    );
  },
);

testBoth(
  "run gives a user other than root no capabilities",
  async (mode) => {
    const { Uid, CapPrm, CapEff, CapAmb, CapBnd } = await statusOf(
      mode,
      ...["-u", "1000:1000"],
    );
    assertEquals(Uid, "1000\t1000\t1000\t1000");
    assertEquals([CapPrm, CapEff, CapAmb], [mask([]), mask([]), mask([])]);
    assertEquals(CapBnd, mask(DEFAULT_CAPABILITIES));
  },
);

for (
  const [flags, names] of [
    [["--cap-drop", "ALL"], []],
    [["--cap-drop", "all", "--cap-add", "net_admin"], ["CAP_NET_ADMIN"]],
    [
      ["--cap-add", "SYS_TIME", "--cap-add=CAP_SYS_PTRACE", "--cap-drop=CHOWN"],
      [...DEFAULT_CAPABILITIES, "CAP_SYS_TIME", "CAP_SYS_PTRACE"].filter((
        name,
      ) => name !== "CAP_CHOWN"),
    ],
  ] as const
) {
  testBoth(
    `${flags.join(" ")} gives exactly these capabilities`,
    async (mode) => {
      const { CapPrm, CapEff, CapBnd, CapInh, CapAmb } = await statusOf(
        mode,
        ...flags,
      );
      assertEquals([CapPrm, CapEff, CapBnd], Array(3).fill(mask(names)));
      assertEquals([CapInh, CapAmb], [mask([]), mask([])]);
    },
  );
}

testBoth(
  "--cap-add ALL and --privileged give all capabilities of the caller",
  async (mode) => {
    const { CapBnd } = parseStatus(HOST_STATUS);
    for (const flags of [["--cap-add", "ALL"], ["--privileged"]]) {
      const status = await statusOf(mode, ...flags);
      assertEquals([status.CapEff, status.CapBnd], [CapBnd, CapBnd]);
    }
  },
);

testBoth(
  "--privileged masks, filters and makes read-only nothing",
  async (mode) => {
    const { NoNewPrivs, Seccomp } = await statusOf(mode, "--privileged");
    assertEquals([NoNewPrivs, Seccomp], ["0", "0"]);
    const { stdout } = await mode.run([
      ...["--privileged", "sh", "-c"],
      "mount -t tmpfs none /tmp && echo mounted; hostname inner && hostname; head -c 1 /proc/interrupts | grep -q . && echo seen; grep -c ' /sys rw,' /proc/self/mountinfo",
    ]);
    assertEquals(stdout, "mounted\ninner\nseen\n1\n");
  },
);

testBoth(
  "--no-new-privs=false lets a setuid file give rights, and the default does not",
  async (mode) => {
    await using dir = new TempDir();
    await Deno.copyFile("/usr/bin/id", `${dir.path}/id`);
    await Deno.chmod(`${dir.path}/id`, 0o4755);
    const effective = async (...flags: string[]) => {
      const { stdout, stderr } = await mode.run([
        ...["--rootfs", "/", "-v", `${dir.path}:/mnt`, "-u", "1000:1000"],
        ...[...flags, "/mnt/id", "-u"],
      ]);
      return stdout + stderr;
    };
    assertEquals(await effective(), "1000\n");
    assertEquals(await effective("--no-new-privs=false"), "0\n");
    assertEquals(
      await effective("--no-new-privs=false", "-v", `${dir.path}:/mnt:nosuid`),
      "1000\n",
    );
    const status = await statusOf(mode, "--no-new-privs=false");
    assertEquals([status.NoNewPrivs, status.Seccomp], ["0", "2"]);
  },
);

testBoth("--seccomp unconfined installs no filter", async (mode) => {
  const { Seccomp } = await statusOf(mode, "--seccomp", "unconfined");
  assertEquals(Seccomp, "0");
});

testBoth("--seccomp FILE installs the profile of the file", async (mode) => {
  await using dir = new TempDir();
  const path = `${dir.path}/profile.json`;
  await Deno.writeTextFile(
    path,
    JSON.stringify({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{
        names: ["mkdir", "mkdirat"],
        action: "SCMP_ACT_ERRNO",
        errnoRet: 28,
      }],
    }),
  );
  const { stdout, stderr } = await mode.run([
    ...["--seccomp", path, "sh", "-c", "mkdir /tmp/x || echo refused"],
  ]);
  assertEquals(stdout, "refused\n");
  assertMatch(stderr, /No space left on device/);
});

testBoth(
  "--seccomp refuses a missing file, or one that is not a profile, in one line",
  async (mode) => {
    await using dir = new TempDir();
    const missing = await mode.run(["--seccomp", "/no/such", "true"]);
    assertEquals([missing.status, missing.stdout], [125, ""]);
    assertMatch(
      missing.stderr,
      /^container: [^\n]*\/no\/such: no such file\.[^\n]*\n$/,
    );
    await Deno.writeTextFile(`${dir.path}/x`, "{]");
    const broken = await mode.run(["--seccomp", `${dir.path}/x`, "true"]);
    assertEquals([broken.status, broken.stdout], [125, ""]);
    assertMatch(broken.stderr, /^container: [^\n]+\n$/);
  },
);

testBoth(
  "-e and --env-file set variables, and -e overrides the file",
  async (mode) => {
    await using dir = new TempDir();
    const path = `${dir.path}/env`;
    await Deno.writeTextFile(
      path,
      "# comment\nA=1\nB=from file\n\nCALLER\nNONE\n",
    );
    const { stdout } = await mode.run(
      [...["-e", "A=2", "--env-file", path], "env"],
      { env: { CALLER: "yes" } },
    );
    const lines = stdout.trim().split("\n").filter((line) =>
      /^(A|B|CALLER|NONE)/.test(line)
    );
    assertEquals(lines.toSorted(), ["A=2", "B=from file", "CALLER=yes"]);
  },
);

testBoth(
  "--ulimit, --umask, --oom-score-adj, --nice and --cpu take effect",
  async (mode) => {
    const { stdout, stderr } = await mode.run([
      ...["--ulimit", "nofile=123:456", "--ulimit", "core=0"],
      ...[
        "--umask",
        "027",
        "--oom-score-adj",
        "321",
        "--nice",
        "7",
        "--cpu",
        "0",
      ],
      "sh",
      "-c",
      `ulimit -Sn; ulimit -Hn; ulimit -c; umask; cat /proc/self/oom_score_adj
     cut -d ' ' -f 19 /proc/self/stat; grep Cpus_allowed_list /proc/self/status`,
    ]);
    assertEquals(
      [stdout, stderr],
      ["123\n456\n0\n0027\n321\n7\nCpus_allowed_list:\t0\n", ""],
    );
  },
);

testBoth(
  "--preserve-fd N passes on exactly N descriptors from 3 upwards",
  async (mode) => {
    await using dir = new TempDir();
    for (const name of ["three", "four", "five"]) {
      await Deno.writeTextFile(`${dir.path}/${name}`, `${name}\n`);
    }
    const { stdout, stderr } = await execute([
      "sh",
      "-c",
      `cd ${dir.path}; exec 3<three 4<four 5<five; exec ${
        shellLine(mode.runWords(
          ...["-q", "--preserve-fd", "2", "sh", "-c"],
          "ls /proc/$$/fd; cat <&4; cat <&3",
        ))
      }`,
    ]);
    assertEquals([stdout, stderr], ["0\n1\n2\n3\n4\nfour\nthree\n", ""]);
  },
);

testBoth(
  "--preserve-fd refuses a descriptor that is not open",
  async (mode) => {
    const { status, stdout, stderr } = await mode.run(
      ["--preserve-fd", "1", "true"],
    );
    assertEquals([status, stdout], [125, ""]);
    assertMatch(
      stderr,
      /^container: [^\n]*descriptor 3 is not open\.[^\n]+\n$/,
    );
  },
);

/** Runs a container with --status-fd 9; returns the status lines and the output. */
async function withStatusLines(mode: Mode, ...args: string[]) {
  await using dir = new TempDir();
  const result = await execute([
    "sh",
    "-c",
    `${
      shellLine(mode.runWords("-q", "--status-fd", "9", ...args))
    } 9>${dir.path}/lines`,
  ]);
  const text = await Deno.readTextFile(`${dir.path}/lines`);
  const events = text.trim().split("\n").map((line) => JSON.parse(line));
  return { ...result, text, events };
}

testBoth(
  "--status-fd reports start and end, and is not open in the container",
  async (mode) => {
    const { status, stdout, text, events } = await withStatusLines(
      mode,
      ...["sh", "-c", "ls /proc/$$/fd; exit 7"],
    );
    assertEquals([status, stdout], [7, "0\n1\n2\n"]);
    assertMatch(text, /^\{.*\}\n\{.*\}\n$/);
    assertEquals(events.length, 2);
    assertEquals(events[0].event, "started");
    assertEquals(Number.isInteger(events[0].pid) && events[0].pid > 1, true);
    assertEquals(events[1], { event: "exited", status: 7 });
  },
);

testBoth(
  "--status-fd reports the status of a command that cannot be run",
  async (mode) => {
    const { status, events } = await withStatusLines(mode, "no-such-command");
    assertEquals(status, 127);
    assertEquals(events.at(-1), { event: "exited", status: 127 });
  },
);

testBoth(
  "--status-fd refuses a descriptor that is not open",
  async (mode) => {
    for (const fd of ["7", "8", "1000"]) {
      const { status, stdout, stderr } = await mode.run(
        ["--status-fd", fd, "true"],
      );
      assertEquals([status, stdout], [125, ""], fd);
      assertMatch(
        stderr,
        new RegExp(
          `^container: [^\\n]*descriptor ${fd} is not open[^\\n]+\\n$`,
        ),
      );
    }
  },
);
