/**
 * The plainest run, which the compiled program carries out without starting
 * Deno, must not differ visibly from a run with Deno.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { descendants, readProcess } from "../_host.ts";
import {
  copyRootfs,
  execute,
  REPOSITORY,
  rootfs,
  TempDir,
  test,
  until,
  without,
} from "../_harness.ts";
import {
  aloudIn,
  both,
  MODES,
  plain,
  plainIn,
  skip,
  toFiles,
} from "../_plain.ts";
import { Session } from "../_session.ts";

test("plain run: the command finds the same as with Deno", async () => {
  const look = [
    "env | sort",
    "pwd; id; umask; hostname; cat /etc/hostname /etc/hosts",
    // Only the number of the parent's thread group differs.
    "grep -v '^\\(voluntary\\|nonvoluntary\\|Vm\\|Rss\\|Mems\\|SigQ\\|HugetlbPages\\)' /proc/self/status",
    "cut -d' ' -f4- /proc/self/mountinfo",
    "ls -l /dev /proc/self/fd | sed 's/[A-Z][a-z][a-z] .[0-9] ..:..//'",
    "cat /proc/self/limits /proc/self/oom_score_adj /proc/1/cmdline",
    "cat /proc/self/cgroup /proc/net/dev; ls /sys/class/net",
    // Whether it sleeps at this moment is chance.
    "tr '\\0' ' ' < /proc/1/environ; cut -d' ' -f3-8 /proc/1/stat | sed 's/^[RSD]/alive/'",
  ];
  for (const mode of MODES) {
    for (const script of look) {
      for (const stdin of [undefined, "words"]) {
        const found = await both(mode, ["sh", "-c", script], { stdin });
        const [one, other] = found.map(({ status, stdout, stderr }) => ({
          status,
          stdout: stdout.replaceAll(/(pipe|mnt|cgroup|\w+):\[\d+\]/g, "$1"),
          stderr,
        }));
        assertEquals(one, other, script);
      }
    }
  }
}, { skip });

test("plain run: flags have the same effect as with Deno", async () => {
  await using dir = new TempDir();
  // No other test may write into its /tmp meanwhile.
  const root = await copyRootfs(dir.path);
  const volume = `${await Deno.realPath(dir.path)}/volume`;
  await Deno.mkdir(`${volume}/a`, { recursive: true });
  const look =
    "env; touch /made; echo $?; pwd; touch /tmp/made 2>&1; ls /tmp;" +
    " cut -d' ' -f4- /proc/self/mountinfo | sed 's/shared:[0-9]*//';" +
    " cat /proc/net/dev; rm -f /tmp/made";
  const longest = "x".repeat(9000);
  for (
    const flags of [
      ["--read-only"],
      ["--network=none"],
      ["-e", "A=b", "-e", "C= d=e ", "--env", "_9z=", "--env=A=c"],
      ["-e", "HOSTNAME=other", "-e", "HOME=/", "-e", "HOME=/tmp"],
      ["-e", `LONG=${longest}`, "--read-only", "--net", "none"],
      ["-w", "/tmp"],
      ["-w", "/nowhere"],
      ["-w", "/bin/busybox"],
      ["-v", `${volume}:/tmp`],
      ["-v", `${volume}:/tmp:ro`, "-w", "/tmp"],
      ["-v", `${volume}:/tmp:ro`, "-w", "/tmp/a", "--read-only", "-e", "A=b"],
    ]
  ) {
    for (const mode of MODES) {
      const [one, other] = await both(
        [...mode, ...flags],
        ["sh", "-c", `${look}; rm -f /made`],
        { root },
      );
      assertEquals(one, other, flags.join(" "));
      if (one!.status) continue;
      assertEquals(/^1$/m.test(one!.stdout), flags.includes("--read-only"));
    }
  }
}, { skip });

test("plain run: arguments, statuses and refusals are the same", async () => {
  const cases: string[][] = [
    ["printf", "%s|", "a b", "", "'\"$\\", "\u00e9", "-q", "--rootfs"],
    ["sh", "-c", "exit 42"],
    ["sh", "-c", "kill -KILL $$; exec sleep 1"],
    ["sh", "-c", "kill -USR1 $$; exec true"],
    ["sh", "-c", "(sleep 0.1; echo late) & exit 5"],
    ["sh", "-c", "for i in 1 2 3; do (true &) ; done; sleep 0.1; ps"],
    ["/bin/busybox", "echo", "hi"],
    ["./bin/busybox", "echo", "hi"],
    ["nosuchcommand", "a"],
    ["/etc/hosts"],
    ["/etc"],
    ["/bin/nosuch"],
  ];
  for (const mode of MODES) {
    for (const command of cases) {
      const [one, other] = await both(mode, command);
      assertEquals(one, other, command.join(" "));
    }
    const { status, stderr } = await execute(
      plainIn(mode, rootfs(), "nosuchcommand"),
    );
    assertEquals(status, 127);
    assertMatch(stderr, /^container: Cannot .*nosuchcommand[^\n]*\n$/);
  }
}, { skip });

test(
  "plain run: the command is announced once, in the same words",
  async () => {
    await using dir = new TempDir();
    const closed = ["sh", "-c", 'exec "$@" 2>&1 >&3 3>&- | true', "sh"];
    const cases: [string[], string[]][] = [
      [["sh", "-c", "echo in >&2; exit 3"], []],
      [["printf", "%s", "a  b", "", "\u00e9"], toFiles(dir, '2> "$0"/err')],
      [["echo", "x".repeat(9000)], []],
      [["nosuchcommand", "a"], []],
      [["/etc/hosts"], toFiles(dir, '2> "$0"/err')],
      [["true"], ["sh", "-c", 'exec "$@" 2> /dev/full', "sh"]],
      [["true"], ["sh", "-c", `{ ${closed[2]}; } 3>&1`, "sh"]],
    ];
    for (const mode of MODES) {
      for (const [command, before] of cases) {
        const words = aloudIn(mode, rootfs(), ...command);
        const found = [];
        for (const flags of [[], ["-u", "0"]]) {
          const run = [...before, ...words.toSpliced(2, 0, ...flags)];
          const { status, stdout, stderr } = await execute(run);
          const file = `${dir.path}/err`;
          const said = await Deno.readTextFile(file).catch(() => "");
          await Deno.remove(file).catch(() => {});
          const numbered = (text: string) =>
            text.replace(/( as )(?!1\n)\d+\n/g, "$1PID\n");
          found.push([status, stdout, numbered(stderr), numbered(said)]);
        }
        assertEquals(found[0], found[1], command.join(" "));
      }
    }
  },
  { skip },
);

test(
  "plain run: files are copied and losses reported in the same words",
  async () => {
    await using dir = new TempDir();
    await Deno.writeTextFile(`${dir.path}/in`, "words\n");
    const small = `${dir.path}/small`;
    await Deno.mkdir(small);
    const onSmall = (redirections: string) => [
      ...["unshare", "-m", "sh", "-ec"],
      `mount -t tmpfs -o size=16k tmpfs ${small}; exec "$@" ${redirections}`,
      small,
    ];
    const cases: [string[], string[]][] = [
      [["cat"], toFiles(dir, '< "$0"/in')],
      [["readlink", "/proc/self/fd/0"], toFiles(dir, '< "$0"/in 2> "$0"/err')],
      [["sh", "-c", "yes | head -c 99999; exit 4"], onSmall('> "$0"/out')],
      [["sh", "-c", "yes | head -c 99999; exit 0"], onSmall('> "$0"/out')],
      [["sleep", "0.2"], toFiles(dir, '0> "$0"/out')],
    ];
    for (const mode of MODES) {
      for (const [command, before] of cases) {
        const [one, other] = await both(mode, command, { before });
        const same = (text = "") => text.replace(/\[\d+\]/, "");
        assertEquals(
          [one?.status, same(one?.stdout), one?.stderr],
          [other?.status, same(other?.stdout), other?.stderr],
          command.join(" "),
        );
      }
    }
  },
  { skip: skip ?? without("unshare") },
);

test("plain run: signals ignored by the caller are reset", async () => {
  for (const mode of MODES) {
    for (const setting of ["trap '' HUP USR1", "trap '' PIPE CHLD", "true"]) {
      const [one, other] = await both(
        mode,
        ["grep", "Sig[^Q]", "/proc/self/status"],
        { before: ["sh", "-c", `${setting}; exec "$@"`, "sh"] },
      );
      assertEquals(one?.stdout, other?.stdout, setting);
    }
  }
}, { skip });

test("plain run: signals reach the command and end it", async () => {
  for (const mode of MODES) {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"] as const) {
      const script = `trap 'echo got; exit 9' ${signal.slice(3)}; echo up
        while :; do sleep 0.05; done`;
      await using session = new Session(
        plainIn(mode, rootfs(), "sh", "-c", script),
      );
      await session.expect(/up\n/);
      session.kill(signal);
      await session.expect(/got\n/);
      assertEquals(await session.end(), 9, signal);
    }
  }
}, { skip });

test("plain run: both stop and continue together", async () => {
  for (const mode of MODES) {
    await using session = new Session(
      plainIn(mode, rootfs(), "sh", "-c", "echo up; exec sleep 1000"),
    );
    await session.expect(/up\n/);
    const command = descendants(session.pid).at(-1)!.pid;
    const states = () =>
      [session.pid, command].map((pid) => readProcess(pid)?.state).join("");
    Deno.kill(session.pid, "SIGTSTP");
    if (mode.length) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      // The first process of a PID namespace can only be stopped from outside.
      Deno.kill(command, "SIGSTOP");
    }
    await until(() => `both are stopped: ${states()}`, () => states() === "TT");
    Deno.kill(session.pid, "SIGCONT");
    await until(() => `both go on: ${states()}`, () => states() === "SS");
  }
}, { skip });

test("plain run: stops that nothing asked for have no effect", async () => {
  // More stops than fit in a socket: the parent is told of each.
  const script = `echo up; i=0
    while [ $i -lt 400 ]; do kill -STOP $$; i=$((i + 1)); done
    echo done; read line`;
  await using session = new Session(
    plainIn([], rootfs(), "sh", "-c", script),
  );
  await session.expect(/up\n/);
  const command = descendants(session.pid).at(-1)!.pid;
  const go = setInterval(() => Deno.kill(command, "SIGCONT"), 1);
  try {
    await session.expect(/done\n/);
  } finally {
    clearInterval(go);
  }
  // The first stop that is asked for is the first that stops us.
  Deno.kill(session.pid, "SIGTSTP");
  const states = () =>
    [session.pid, command].map((pid) => readProcess(pid)?.state).join("");
  await until(() => `both are stopped: ${states()}`, () => states() === "TT");
  Deno.kill(session.pid, "SIGCONT");
  await until(() => `both go on: ${states()}`, () => states() === "SS");
  await session.send("\n");
  assertEquals(await session.end(), 0);
}, { skip });

test("plain run: every build of the program has the same plan", async () => {
  const script =
    `import { usualRuns } from "${REPOSITORY}/scripts/built_in/usual_runs.ts";
    const hash = await crypto.subtle.digest("SHA-256", await usualRuns());
    console.log(new Uint8Array(hash).toHex());`;
  await using dir = new TempDir();
  const file = `${dir.path}/plan.ts`;
  await Deno.writeTextFile(file, script);
  const build = [Deno.execPath(), "run", "-A", "--no-check"];
  build.push("--config", `${REPOSITORY}/deno.json`, file);
  const [one, other] = await Promise.all([
    execute(build),
    execute(["setpriv", "--bounding-set=-mknod,-sys_admin", ...build]),
  ]);
  assertEquals(one.stderr + other.stderr, "");
  assertMatch(one.stdout, /^[0-9a-f]{64}\n$/);
  assertEquals(one.stdout, other.stdout);
}, { skip: skip ?? without("setpriv") });

test("plain run: killing PID 1 ends the container", async () => {
  for (const mode of MODES) {
    await using session = new Session(
      plainIn(mode, rootfs(), "sh", "-c", "sleep 1000 & echo up; wait"),
    );
    await session.expect(/up\n/);
    Deno.kill(descendants(session.pid)[0]!.pid, "SIGKILL");
    assertEquals(await session.end(), 137);
    assertEquals(
      descendants(Deno.pid).filter(({ state }) => state !== "Z"),
      [],
    );
  }
}, { skip });

test("plain run: killing the parent ends the container", async () => {
  for (let round = 0; round < 20; round++) {
    await using session = new Session(
      plainIn(MODES[round % 2]!, rootfs(), "sleep", "1000"),
    );
    await new Promise((resolve) => setTimeout(resolve, round / 2));
    session.kill("SIGKILL");
    assertEquals(await session.end(), 137);
    await until(
      "nothing is left",
      () => !descendants(Deno.pid).some(({ state }) => state !== "Z"),
    );
  }
}, { skip });

test(
  "plain run: killing the walker leaves no second command",
  async () => {
    await using dir = new TempDir();
    const root = await copyRootfs(dir.path);
    // After the first process has been created, and before its number is known.
    const { status } = await execute([
      ...["strace", "-f", "-o", "/dev/null", "-e", "trace=exit_group"],
      ...["-e", "inject=exit_group:signal=KILL:when=1"],
      ...plain(root, "touch", "/ran"),
    ]);
    assertEquals(status === 0, false);
    await assertRejects(() => Deno.lstat(`${root}/ran`), Deno.errors.NotFound);
  },
  { skip },
);
