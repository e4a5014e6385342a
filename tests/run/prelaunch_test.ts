/**
 * What the compiled program launches before Deno starts. The launch is used if
 * it fits this run, and ended if it does not; neither is visible.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { descendants } from "../_host.ts";
import {
  CONTAINER,
  container,
  execute,
  NO_INIT,
  NO_STANDALONE,
  rootfs,
  run,
  runWords,
  TempDir,
  test,
  until,
  without,
} from "../_harness.ts";
import { Session } from "../_session.ts";
import { trace } from "../_trace.ts";

const [program = ""] = CONTAINER;
const skip = NO_STANDALONE ?? without("strace");

/**
 * How many processes became PID 1, and how many walkers our program started
 * from Deno.
 */
async function launches(
  ...args: string[]
): Promise<[born: number, walkers: number]> {
  const [command, ...flags] = args;
  const calls = await trace(
    ["clone3", "execve"],
    [...CONTAINER, command!, "-q", ...flags],
  );
  const count = (name: string, text: string) =>
    calls.filter((call) => call.name === name && call.args.includes(text))
      .length;
  return [count("clone3", "CLONE_NEWPID"), count("execve", '"walker"')];
}

/**
 * The child's walker starts the command; without the prelaunch, so does the
 * parent's.
 */
const FOUND = [1, 1];
const ALONE = [1, 2];

test(
  "prelaunch: usual runs are launched before Deno starts",
  async () => {
    const root = ["--rootfs", rootfs()];
    for (
      const flags of [
        ["run", ...root, "--hostname", "box", "true"],
        ["run", ...root, "-w", "/", "--", "true", "--uts=host"],
        ["run", `--rootfs=${rootfs()}`, "-e", "A=b", "--env", "C=-d", "true"],
        ["run", ...root, "--hostname=box", "-v", "/etc:/mnt:ro", "true"],
        [
          "run",
          ...root,
          "-u",
          "nobody",
          "-w",
          "/tmp",
          "--cap-drop=ALL",
          "true",
        ],
      ]
    ) {
      assertEquals(await launches(...flags), FOUND, flags.join(" "));
    }
  },
  { skip },
);

test("prelaunch: unusual runs are not launched early", async () => {
  const root = ["--rootfs", rootfs()];
  for (
    const flags of [
      ["run", ...root, "--network", "host", "true"],
      ["run", "-eA=b", ...root, "true"],
      ["run", "-m", "64m", ...root, "true"],
      ["run", "-T", ...root, "true"],
    ]
  ) {
    assertEquals(await launches(...flags), ALONE, flags.join(" "));
  }
  // The walker starts the command directly.
  const direct = NO_INIT.runWords("--hostname", "box", "true").slice(1);
  assertEquals(await launches(...direct), [1, 1]);
}, { skip });

test("prelaunch: a launch that does not fit is ended", async () => {
  const volume = `${rootfs()}:/mnt:idmap=uids=0-0-9;gids=0-0-9`;
  const { status, stdout } = await run(["-v", volume, "ls", "/mnt/bin/sh"]);
  assertEquals([status, stdout], [0, "/mnt/bin/sh\n"]);
  assertEquals(
    await launches("run", "--rootfs", rootfs(), "-v", volume, "true"),
    [2, 3],
    "the one that was guessed and the right one; a walker holds the mapping of ids",
  );
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

test(
  "prelaunch: a run that is killed before PID 1 is created leaves none",
  async () => {
    const word = `A=${crypto.randomUUID()}`;
    await using _traced = new Session([
      ...["strace", "-f", "-o", "/dev/null", "-e", "trace=clone3"],
      // Longer than its parent takes to be killed.
      ...["-e", "inject=clone3:delay_enter=2000000:when=1"],
      ...runWords("-q", "-e", word, "sleep", "1000"),
    ]);
    const found = () => processesOf(word);
    await until("the launch has begun", () => found().length === 2);
    const [killed] = found().filter((pid) => descendants(pid).length);
    Deno.kill(killed!, "SIGKILL");
    try {
      await until("nothing is left", () => !found().length);
    } finally {
      for (const pid of found()) Deno.kill(pid, "SIGKILL");
    }
  },
  { skip },
);

test("prelaunch: a refused run leaves no process", async () => {
  for (
    const [wanted, ...flags] of [
      ["nosuchuser", "--rootfs", rootfs(), "-u", "nosuchuser", "true"],
      ["/nowhere", "--rootfs", "/nowhere", "true"],
    ]
  ) {
    const { status, stderr } = await container(["run", ...flags]);
    assertEquals(status === 0, false, stderr);
    assertStringIncludes(stderr, wanted!);
    assertEquals(descendants(Deno.pid), []);
  }
}, { skip });

test(
  "prelaunch: the child receives the command, and nothing of the environment",
  async () => {
    await using session = new Session(
      ["env", "SECRET=1", "HOME=/h", "DENO_DIR=/d", ...CONTAINER, "run", "-q"]
        .concat([
          "-e",
          "A=b",
          "--rootfs",
          rootfs(),
          "sh",
          "-c",
          "echo up; cat",
        ]),
    );
    await session.expect(/up\n/);
    const [child] = descendants(session.pid);
    const of = (file: string) =>
      Deno.readTextFileSync(`/proc/${child!.pid}/${file}`).split("\0");
    assertEquals(of("cmdline"), [
      ...["/proc/self/exe", "child", "sh", "-c", "echo up; cat", ""],
    ]);
    assertEquals(of("environ").slice(0, 2), ["DENO_DIR=/d", "HOME=/h"]);
    assertEquals(of("environ").filter((word) => /SECRET|PATH/.test(word)), []);
  },
  { skip },
);

test(
  "prelaunch: SIGKILL while both Denos start leaves nothing",
  async () => {
    for (let moment = 0; moment < 120; moment += 6) {
      await using session = new Session(
        [...runWords("-q", "-w", "/", "sleep", "1000")],
      );
      await new Promise((resolve) => setTimeout(resolve, moment));
      session.kill("SIGKILL");
      assertEquals(await session.end(), 137);
      await until(
        `nothing is left after ${moment} ms`,
        () => !descendants(Deno.pid).some(({ state }) => state !== "Z"),
      );
    }
  },
  { skip },
);

test(
  "prelaunch: SIGKILL before PID 1 has a death signal ends PID 1",
  async () => {
    // The parent ends where it would let PID 1 go on, which makes PID 1's first
    // call late.
    const { stdout } = await execute([
      ...["strace", "-f", "-o", "/dev/stdout"],
      ...["-e", "trace=write,prctl"],
      ...["-e", "inject=write:signal=KILL:when=2"],
      ...["-e", "inject=prctl:delay_enter=200000"],
      ...[...CONTAINER, "run", "-q", "--rootfs", rootfs(), "-w", "/"],
      ...["sleep", "1000"],
    ], { patience: 20_000 });
    assertStringIncludes(stdout, "killed by SIGKILL");
    assertStringIncludes(stdout, "PR_SET_PDEATHSIG");
    const alive = descendants(Deno.pid).filter(({ state }) => state !== "Z");
    assertEquals(alive, []);
  },
  { skip },
);

test(
  "prelaunch: ignored SIGCHLD and few descriptors change nothing",
  async () => {
    for (const setting of ["trap '' CHLD", "ulimit -n 50"]) {
      const line = `${setting}; exec "$@"`;
      const { status, stdout } = await execute(
        [
          "sh",
          "-c",
          line,
          "sh",
          ...CONTAINER,
          "run",
          "-q",
          "--rootfs",
          rootfs(),
        ]
          .concat(["-w", "/", "echo", "hi"]),
      );
      assertEquals([status, stdout], [0, "hi\n"], setting);
    }
  },
  { skip },
);

test(
  "prelaunch: killing the parent meanwhile leaves nothing and prints nothing",
  async () => {
    await using dir = new TempDir();
    // Nothing writes to it, so the parent never gets a plan.
    const env = `${dir.path}/env`;
    await execute(["mkfifo", env]);
    for (let round = 0; round < 5; round++) {
      const { stderr } = await execute([
        "sh",
        "-c",
        '"$@" & pid=$!; sleep 0.2; kill -KILL $pid; wait $pid 2>/dev/null',
        "sh",
        ...[...CONTAINER, "run", "--env-file", env, "--rootfs", rootfs()],
        "true",
      ]);
      assertEquals(stderr, "");
    }
  },
  { skip },
);
