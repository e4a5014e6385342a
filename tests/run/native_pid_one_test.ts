/**
 * PID 1 of the compiled program: native for every command line, small, and with
 * nothing of the host's. What it does, and that a PID 1 from source does the
 * same, is in tests/isolation/both_pid_ones_test.ts.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { descendants } from "../_host.ts";
import {
  CONTAINER,
  container,
  execute,
  NO_STANDALONE,
  type Options,
  rootfs,
  runWords,
  shellLine,
  TempDir,
  test,
  until,
  without,
} from "../_harness.ts";
import { Session } from "../_session.ts";
import { trace } from "../_trace.ts";

const [program = ""] = CONTAINER;
const skip = NO_STANDALONE;
const traced = NO_STANDALONE ?? without("strace");

/** A library that Deno needs and our own code does not. */
const LIBRARY = "libgcc_s";

/** Command lines that have different plans, in the words of a user. */
const FLAGS: readonly (readonly string[])[] = [
  ["-e", "A=b"],
  ["-w", "/tmp", "--hostname", "box"],
  ["-v", "/etc:/mnt:ro", "--read-only"],
  ["--userns"],
  ["-m", "64m", "--pids-limit", "100"],
  ["--ephemeral", "--network", "host"],
  ["-u", "nobody", "--cap-drop", "ALL"],
  ["--privileged"],
  ["-v", "/usr:/mnt:ro,idmap=uids=0-1-1;gids=0-1-1"],
  ["-T"],
];

for (const flags of FLAGS) {
  test(
    `PID 1 is native: run ${shellLine(flags)} starts Deno once`,
    async () => {
      const words = ["run", "-q", "-u", "0", "--rootfs", rootfs()];
      const calls = await trace(["openat"], [
        ...[...CONTAINER, ...words, ...flags, "true"],
      ]);
      const started = new Set(
        calls.filter(({ args }) => args.includes(LIBRARY)).map(({ pid }) =>
          pid
        ),
      );
      assertEquals(started.size, 1);
    },
    { skip: traced },
  );
}

/** The descriptors of a process, and what they lead to. */
const openIn = (pid: number) =>
  [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) =>
    [Number(name), Deno.readLinkSync(`/proc/${pid}/fd/${name}`)] as const
  ).sort(([one], [other]) => one - other);

/** The most that PID 1 may have in memory, in kB. */
const MOST = 2048;

/** Runs a command line until its command waits; returns its PID 1. */
async function waiting(
  words: readonly string[],
  options: Options = {},
): Promise<[Session, pid: number]> {
  const session = new Session([
    ...options.before ?? [],
    ...words,
    ...["sh", "-c", "echo up; cat"],
  ], options);
  await session.expect(/up\r?\n/);
  const found = descendants(session.pid).filter(({ pid }) =>
    Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0")[1] === "child"
  );
  assertEquals(found.length, 1, "one PID 1");
  return [session, found[0]!.pid];
}

for (const flags of FLAGS) {
  test(
    `PID 1 is small and has nothing of the host's: run ${shellLine(flags)}`,
    async () => {
      const [session, pid] = await waiting(
        ["env", "SECRET=1", "HOME=/h", ...runWords("-q", "-i", ...flags)],
      );
      await using _ended = session;
      const read = (file: string) =>
        Deno.readTextFileSync(`/proc/${pid}/${file}`);
      const value = (name: string) =>
        Number(
          read("status").match(new RegExp(`^${name}:\\s*(\\d+)`, "m"))?.[1],
        );
      assert(value("VmRSS") <= MOST, `${value("VmRSS")} kB`);
      assertEquals(value("Threads"), 1);
      assertEquals(read("cmdline").split("\0"), [
        ...["/proc/self/exe", "child", "sh", "-c", "echo up; cat", ""],
      ]);
      assertEquals(read("environ"), "");
      const open = openIn(pid).filter(([fd]) => fd > 2)
        .map(([fd, to]) => `${fd} ${to.replace(/:.*/, "")}`);
      assertEquals(open, ["4 socket", "6 pipe"]);
      await session.close();
      assertEquals(await session.end(), 0);
    },
    { skip },
  );
}

test("PID 1 does not keep the descriptors that it hands on", async () => {
  const shell = 'exec "$@" 3</etc/passwd 4</etc/group';
  const [session, pid] = await waiting([
    ...["sh", "-c", shell, "sh"],
    ...runWords("-q", "-i", "--preserve-fd", "2"),
  ]);
  await using _ended = session;
  assertEquals(openIn(pid).filter(([, path]) => path.startsWith("/etc/")), []);
  await session.close();
  assertEquals(await session.end(), 0);
}, { skip });

/** The processes with a command line, including forks. */
function processesOf(word: string): number[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    try {
      const words = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
      const ours = /^\d+$/.test(name) && words.includes(word) &&
        words[0] === program;
      return ours ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

test("a run that is killed before PID 1 is created leaves none", async () => {
  const word = `A=${crypto.randomUUID()}`;
  await using session = new Session([
    ...["strace", "-f", "-o", "/dev/null", "-e", "trace=clone3"],
    // Longer than its parent takes to be killed.
    ...["-e", "inject=clone3:delay_enter=2000000:when=1"],
    ...runWords("-q", "-e", word, "sleep", "1000"),
  ]);
  const walkers = () =>
    descendants(session.pid).filter(({ pid }) =>
      Deno.readTextFileSync(`/proc/${pid}/cmdline`).startsWith("walker\0")
    );
  await until(
    "the walker is about to create PID 1",
    () => walkers().length > 0,
  );
  const [killed] = processesOf(word);
  Deno.kill(killed!, "SIGKILL");
  await until(
    "nothing is left",
    () => !processesOf(word).length && !walkers().length,
  );
}, { skip: traced });

test("a refused run leaves no process", async () => {
  for (
    const [wanted, ...flags] of [
      ["nosuchuser", "--rootfs", rootfs(), "-u", "nosuchuser", "true"],
      ["/nowhere", "--rootfs", "/nowhere", "true"],
      ["/nowhere", "--rootfs", rootfs(), "-w", "/nowhere", "true"],
      ["nosuch", "--rootfs", rootfs(), "-u", "0", "nosuch"],
    ]
  ) {
    const { status, stderr } = await container(["run", ...flags]);
    assertEquals(status === 0, false, stderr);
    assertStringIncludes(stderr, wanted!);
    assertEquals(descendants(Deno.pid), []);
  }
}, { skip });

test("SIGKILL at any moment of a start leaves nothing", async () => {
  for (let moment = 0; moment < 120; moment += 6) {
    await using session = new Session(
      [...runWords("-q", "-u", "0", "sleep", "1000")],
    );
    await new Promise((resolve) => setTimeout(resolve, moment));
    session.kill("SIGKILL");
    assertEquals(await session.end(), 137);
    await until(
      `nothing is left after ${moment} ms`,
      () => !descendants(Deno.pid).some(({ state }) => state !== "Z"),
    );
  }
}, { skip });

test("SIGKILL before PID 1 has a death signal ends PID 1", async () => {
  // The parent ends where it waits for the walker, and PID 1's first call is
  // late.
  const { stdout } = await execute([
    ...["strace", "-f", "-o", "/dev/stdout"],
    ...["-e", "trace=prctl,clone3,wait4"],
    ...["-e", "inject=wait4:signal=KILL:when=1"],
    ...["-e", "inject=prctl:delay_enter=200000"],
    ...[...CONTAINER, "run", "-q", "--rootfs", rootfs(), "-u", "0"],
    ...["sleep", "1000"],
  ], { patience: 20_000 });
  assertStringIncludes(stdout, "killed by SIGKILL");
  assertStringIncludes(stdout, "PR_SET_PDEATHSIG");
  const alive = descendants(Deno.pid).filter(({ state }) => state !== "Z");
  assertEquals(alive, []);
}, { skip: traced });

test("ignored SIGCHLD and few descriptors change nothing", async () => {
  for (const setting of ["trap '' CHLD", "ulimit -n 50"]) {
    const line = `${setting}; exec "$@"`;
    const { status, stdout } = await execute([
      ...["sh", "-c", line, "sh"],
      ...runWords("-q", "-u", "0", "echo", "hi"),
    ]);
    assertEquals([status, stdout], [0, "hi\n"], setting);
  }
}, { skip });

test("a command that cannot be run is explained as PID 1 sees it", async () => {
  await using dir = new TempDir();
  await Deno.writeTextFile(`${dir.path}/script`, "#!/only/inside\n");
  await Deno.chmod(`${dir.path}/script`, 0o755);
  const { status, stderr } = await execute(
    runWords("-q", "-v", `${dir.path}:/mnt`, "/mnt/script"),
  );
  assertEquals([status, stderr], [
    127,
    "container: Cannot run /mnt/script: no such file or directory (ENOENT), its interpreter /only/inside is not in the root filesystem. Add the interpreter, or correct the first line of the script.\n",
  ]);
}, { skip });
