/** exec: further processes in a container, with each of its flags. */

// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { writeAll } from "../ffi/fcntl.ts";
import { syscall } from "../ffi/libc.ts";
import { wait, WNOHANG } from "../ffi/wait.ts";
import { Bundle, type Config } from "./_bundle.ts";
import { ConsoleSocket } from "./_console.ts";
import {
  CONTAINER,
  decode,
  execute,
  type Options,
  quote,
  type Result,
  shellLine,
  startTerminal,
  test,
  until,
} from "./_harness.ts";
import { readProcess } from "./_host.ts";
import { Session } from "./_session.ts";

const SLEEP = ["sleep", "1000"];

/** A bundle whose container runs; its process on the host. */
async function running(
  change: (config: Config) => void = () => {},
  args = SLEEP,
): Promise<{ bundle: Bundle; pid: number } & AsyncDisposable> {
  const bundle = await Bundle.make(args, change);
  await bundle.create("one");
  await bundle.does("start", "one");
  const { pid } = JSON.parse(await bundle.does("state", "one"));
  return {
    bundle,
    pid,
    [Symbol.asyncDispose]: () => bundle[Symbol.asyncDispose](),
  };
}

/** The words of a command of the runtime. */
const words = (bundle: Bundle, ...args: string[]) => [
  ...CONTAINER,
  "--root",
  `${bundle.dir.path}/state`,
  ...args,
];

const exec = (
  bundle: Bundle,
  args: string[],
  options?: Options,
): Promise<Result> => execute(words(bundle, "exec", ...args), options);

/** What a script prints inside; it has to succeed. */
async function prints(
  bundle: Bundle,
  script: string,
  ...flags: string[]
): Promise<string> {
  const { status, stdout, stderr } = await exec(bundle, [
    ...flags,
    "one",
    "sh",
    "-c",
    script,
  ]);
  assertEquals([status, stderr], [0, ""], script);
  return stdout.trim();
}

const mapped = [{ containerID: 0, hostID: 100000, size: 65536 }];

const VARIANTS: Record<string, (config: Config) => void> = {
  "in the host's user namespace": () => {},
  "in a user namespace of its own": (config) => {
    (config.linux.namespaces as unknown[]).push({ type: "user" });
    config.linux.uidMappings = mapped;
    config.linux.gidMappings = mapped;
  },
  "with the host's processes and network": (config) => {
    config.linux.namespaces = (config.linux.namespaces as { type: string }[])
      .filter(({ type }) => type !== "pid" && type !== "network");
  },
};

const NAMESPACES = "cgroup ipc mnt net pid time user uts".split(" ");

for (const [variant, change] of Object.entries(VARIANTS)) {
  test(`exec joins all that the container has, and brings nothing along: ${variant}`, async () => {
    await using container = await running(change);
    const { bundle, pid } = container;
    const links = await prints(
      bundle,
      `for n in ${NAMESPACES.join(" ")}; do readlink /proc/self/ns/$n; done`,
    );
    assertEquals(
      links.split("\n"),
      NAMESPACES.map((name) => Deno.readLinkSync(`/proc/${pid}/ns/${name}`)),
    );
    const root = await Deno.stat(`/proc/${pid}/root`);
    assertEquals(
      await prints(bundle, "stat -c %i /; pwd; hostname"),
      `${root.ino}\n/\ncontainer`,
    );
    const open = await execute([
      "sh",
      "-c",
      `exec 9</etc/passwd 8>/dev/null; exec ${
        shellLine(
          words(bundle, "exec", "one", "sh", "-c", "ls /proc/$$/fd; true"),
        )
      }`,
    ]);
    assertEquals(
      open.stdout,
      "0\n1\n2\n",
      open.stderr,
    );
    const env = await exec(bundle, ["one", "env"], {
      env: { SECRET: "of the host" },
    });
    assertEquals(env.stdout.trim().split("\n").toSorted(), [
      "HOME=/root",
      "PATH=/bin:/sbin:/usr/bin:/usr/sbin",
      "TERM=xterm",
    ]);
    // It leads a session of its own.
    assertEquals(
      await prints(
        bundle,
        "set -- $$ $(cat /proc/$$/stat); echo $(($1-$6)) $(($1-$7))",
      ),
      "0 0",
    );
    const rights = (of: string) =>
      of.match(/^(Cap|NoNewPrivs|Seccomp|Groups).*$/gm);
    assertEquals(
      rights(await prints(bundle, "cat /proc/self/status")),
      rights(await Deno.readTextFile(`/proc/${pid}/status`)),
    );
  });

  test(`exec joins the container's cgroup: ${variant}`, async () => {
    await using container = await running(change);
    const { bundle, pid } = container;
    await using session = new Session(
      words(bundle, "exec", "one", "sh", "-c", "echo here; read x"),
    );
    await session.expect(/here/);
    const pids = JSON.parse(
      await bundle.does("ps", "--format", "json", "one"),
    ) as number[];
    const [other] = pids.filter((each) => each !== pid);
    assertEquals(
      await Deno.readTextFile(`/proc/${other}/cgroup`),
      await Deno.readTextFile(`/proc/${pid}/cgroup`),
    );
    await session.send("\n");
    assertEquals(await session.end(), 0);
  });

  test(`a terminal of the container's own: ${variant}`, async () => {
    await using container = await running(change);
    const { bundle } = container;
    const inside =
      "tty; stty size; for n in 0 1 2; do readlink /proc/$$/fd/$n; done | uniq -c; test -e /dev/console; echo console $?; exit 3";
    const line = shellLine(
      words(bundle, "exec", "-it", "one", "sh", "-c", inside),
    );
    await using session = startTerminal(
      `stty rows 33 cols 77; ${line}; echo status $?`,
    );
    await session.expect(
      /\/dev\/pts\/0\r\n33 77\r\n *3 \/dev\/pts\/0\r\nconsole 1\r\n/,
    );
    await session.expect(/status 3/);
    await session.end();
  });

  test(`a detached one has its pid file and outlives the command: ${variant}`, async () => {
    await using container = await running(change);
    const { bundle } = container;
    const file = `${bundle.dir.path}/pid`;
    const { status, stderr } = await detached(
      bundle,
      ["--pid-file", file],
      ["sleep", "1001"],
    );
    assertEquals([status, stderr], [0, ""]);
    const pid = Number(await Deno.readTextFile(file));
    using _buried = bury(pid);
    assertEquals(
      (await Deno.readTextFile(`/proc/${pid}/cmdline`)).split("\0").slice(0, 2),
      ["sleep", "1001"],
    );
    await bundle.does("delete", "--force", "one");
    await until("it is gone", () => isGone(pid));
  });

  test(`the terminal of a detached one goes to who listens: ${variant}`, async () => {
    await using container = await running(change);
    const { bundle } = container;
    using socket = new ConsoleSocket(`${bundle.dir.path}/console`);
    const file = `${bundle.dir.path}/pid`;
    const { status, stderr } = await detached(
      bundle,
      ["--tty", "--console-socket", socket.path, "--pid-file", file],
      ["sh", "-c", "read x; echo $(tty) got $x; sleep 1000"],
    );
    assertEquals([status, stderr], [0, ""]);
    using _buried = bury(Number(await Deno.readTextFile(file)));
    using master = await socket.take();
    // Not by Deno: to open a master's name is to make another one.
    writeAll(master.fd, new TextEncoder().encode("it\n"));
    let said = "";
    const buffer = new Uint8Array(256);
    while (!said.includes("got it")) {
      const count = syscall("read", master.fd, buffer, buffer.length);
      said += decode(buffer.subarray(0, count));
    }
    assertStringIncludes(said, "/dev/pts/0 got it");
    await bundle.does("delete", "--force", "one");
  });
}

/** Detached, with streams that nobody waits for. */
async function detached(
  bundle: Bundle,
  flags: readonly string[],
  command: readonly string[],
): Promise<{ status: number; stderr: string }> {
  const errors = `${bundle.dir.path}/errors`;
  const { status } = await execute([
    "sh",
    "-c",
    `exec ${
      shellLine(words(bundle, "exec", "-d", ...flags, "one", ...command))
    } </dev/null >/dev/null 2>${quote(errors)}`,
  ]);
  return { status, stderr: await Deno.readTextFile(errors) };
}

/**
 * Waits for a detached one, as the engine does that it is left to: the kernel
 * does not let a PID namespace end before.
 */
function bury(pid: number): Disposable {
  const timer = setInterval(() => wait(pid, WNOHANG), 20);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

const isGone = (pid: number) => {
  const process = readProcess(pid);
  return !process || process.state === "Z";
};

test("exec has the flags of runc's, and the words of docker's", async () => {
  await using container = await running();
  const { bundle } = container;
  const table: [string[], string, string][] = [
    [["--cwd", "/tmp"], "pwd", "/tmp"],
    [["-w", "/bin"], "pwd", "/bin"],
    [["--env", "A=1", "-e", "B=x y", "--env=C=2"], "echo $A $B $C", "1 x y 2"],
    [["-e", "HOME=/x"], "echo $HOME", "/x"],
    [["-u", "1000"], "id -u; id -g; echo $HOME", "1000\n0\n/"],
    [["--user=12:34"], "id -u; id -g", "12\n34"],
    [["-u", "nobody"], "id -un", "nobody"],
    [["-user", "5:6", "-g", "7", "-additional-gids=8"], "id -G", "6 7 8"],
    [
      ["--no-new-privs=false"],
      "grep NoNewPrivs /proc/self/status",
      "NoNewPrivs:\t0",
    ],
    [["-i"], "cat", ""],
  ];
  for (const [flags, script, wanted] of table) {
    assertEquals(await prints(bundle, script, ...flags), wanted, script);
  }
  const bounding = async (...flags: string[]) =>
    BigInt(
      `0x${
        (await prints(bundle, "grep CapBnd /proc/self/status", ...flags)).slice(
          -16,
        )
      }`,
    );
  const SYS_TIME = 1n << 25n;
  assertEquals(
    await bounding("-c", "CAP_SYS_TIME"),
    await bounding() | SYS_TIME,
  );
  assertEquals(
    (await exec(bundle, ["one", "cat"], { stdin: "passed on" })).stdout,
    "passed on",
  );
  const kept = await execute([
    "sh",
    "-c",
    `exec 3</etc/hostname; exec ${
      shellLine(
        words(
          bundle,
          ...["exec", "--preserve-fds", "1", "one", "sh", "-c"],
          "cat <&3 | wc -l; ls /proc/$$/fd; true",
        ),
      )
    }`,
  ]);
  assertEquals(
    kept.stdout,
    "1\n0\n1\n2\n3\n",
    kept.stderr,
  );
});

test("--process FILE: a process as engines hand it over", async () => {
  await using container = await running((config) => {
    Object.assign(config.process, {
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 123, hard: 123 }],
    });
  });
  const { bundle } = container;
  const file = `${bundle.dir.path}/process.json`;
  const runs = async (process: Record<string, unknown>) => {
    await Deno.writeTextFile(
      file,
      JSON.stringify({ cwd: "/", user: { uid: 0, gid: 0 }, ...process }),
    );
    return await exec(bundle, ["--process", file, "one"]);
  };
  const given = await runs({
    args: ["sh", "-c", "id -u; id -G; pwd; echo $A; umask; ulimit -n"],
    user: { uid: 9, gid: 8, additionalGids: [7], umask: 0o27 },
    cwd: "/tmp",
    env: ["PATH=/bin", "A=b"],
    rlimits: [{ type: "RLIMIT_NOFILE", soft: 99, hard: 100 }],
  });
  assertEquals(
    [given.status, given.stdout, given.stderr],
    [0, "9\n8 7\n/tmp\nb\n0027\n99\n", ""],
  );
  // What it leaves out is not more than the container has.
  const left = await runs({
    args: ["sh", "-c", "grep -E 'CapBnd|NoNew' /proc/self/status; ulimit -n"],
    env: ["PATH=/bin"],
  });
  assertEquals(
    left.stdout,
    `${await prints(
      bundle,
      "grep -E 'CapBnd|NoNew' /proc/self/status",
    )}\n123\n`,
  );
  const none = await runs({
    args: ["grep", "CapBnd", "/proc/self/status"],
    env: ["PATH=/bin"],
    capabilities: {},
  });
  assertEquals(none.stdout, "CapBnd:\t0000000000000000\n");
  const wrong = await runs({ args: [], env: [] });
  assertEquals(wrong.status, 125);
  assertStringIncludes(wrong.stderr, "args");
  const missing = await exec(bundle, ["--process", "/nosuch", "one"]);
  assertEquals(missing.status, 125);
  assertStringIncludes(missing.stderr, "/nosuch: no such file");
});

test("what cannot be executed is told in the words that engines look for", async () => {
  await using container = await running();
  const { bundle } = container;
  const table: [string[], number, string][] = [
    [
      ["one", "nosuch"],
      127,
      'exec: "nosuch": executable file not found in $PATH',
    ],
    [
      ["one", "/nosuch"],
      127,
      'exec: "/nosuch": stat /nosuch: no such file or directory',
    ],
    [["one", "/etc"], 126, 'exec: "/etc": permission denied'],
    [["one", "/etc/passwd"], 126, 'exec: "/etc/passwd": permission denied'],
    [["--cwd", "/nosuch", "one", "true"], 125, "no such file or directory"],
    [["--cwd", "x", "one", "true"], 2, "Cwd must be an absolute path"],
    [["none", "true"], 125, "container does not exist"],
    [["one"], 2, "process args cannot be empty"],
    [[], 2, "needs an id"],
    [["-dt", "one", "true"], 125, "without setting console socket"],
    [
      ["--console-socket", "/x", "one", "true"],
      125,
      "cannot use console socket",
    ],
    [["--preserve-fds", "1", "one", "true"], 2, "descriptor 3 is not open"],
    [["--cgroup", "../x", "one", "true"], 2, "leads out of"],
    [["--cgroup", "nosuch", "one", "true"], 125, "no such file or directory"],
    [["-c", "CAP_NOSUCH", "one", "true"], 2, "Unknown capability"],
    [["-u", "nosuch", "one", "true"], 125, "no such user"],
  ];
  for (const [args, status, text] of table) {
    for (const flags of [[], ["--detach"]]) {
      if (flags.length && /console|descriptor/.test(text)) continue;
      const file = `${bundle.dir.path}/pid`;
      const result = await exec(bundle, [
        "--pid-file",
        file,
        ...flags,
        ...args,
      ]);
      const what = args.join(" ");
      assertEquals(
        [result.status, result.stdout],
        [status, ""],
        what + result.stderr,
      );
      assertStringIncludes(result.stderr, text, what);
      assert(!result.stderr.includes("    at "), result.stderr);
      assertEquals(await exists(file), false, `${what} leaves a pid file`);
    }
  }
});

const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);

test("exec goes by what the container is doing", async () => {
  await using bundle = await Bundle.make(SLEEP);
  await bundle.create("one");
  assertEquals(await prints(bundle, "echo created"), "created");
  await bundle.does("start", "one");
  await bundle.does("pause", "one");
  const refused = await exec(bundle, ["one", "true"]);
  assertEquals(refused.status, 125);
  assertStringIncludes(refused.stderr, "cannot exec in a paused container");
  const later = exec(bundle, ["--ignore-paused", "one", "echo", "later"]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await bundle.does("resume", "one");
  assertEquals((await later).stdout, "later\n");
  await bundle.does("kill", "one", "KILL");
  await until(
    "it is stopped",
    async () => await bundle.status("one") === "stopped",
  );
  const { status, stderr } = await exec(bundle, ["one", "true"]);
  assertEquals(status, 125);
  assertStringIncludes(stderr, "cannot exec in a stopped container");
});

test("a process whose number is the container's and whose start is not is left alone", async () => {
  await using container = await running();
  const { bundle } = container;
  const file = `${bundle.dir.path}/state/one/state.json`;
  const text = await Deno.readTextFile(file);
  const record = JSON.parse(text);
  await Deno.writeTextFile(
    file,
    JSON.stringify({ ...record, startTime: `${record.startTime - 1}` }),
  );
  const { status, stderr } = await exec(bundle, ["one", "true"]);
  assertEquals(status, 125);
  assertStringIncludes(stderr, "cannot exec in a stopped container");
  await Deno.writeTextFile(file, text);
});

test("the status is the command's, and signals are passed on", async () => {
  await using container = await running();
  const { bundle } = container;
  for (
    const [script, status] of [["exit 7", 7], ["kill -9 $$", 137]] as const
  ) {
    assertEquals(
      (await exec(bundle, ["one", "sh", "-c", script])).status,
      status,
    );
  }
  await using session = new Session(words(
    bundle,
    ...["exec", "one", "sh", "-c"],
    "trap 'echo caught; exit 5' TERM; echo here; while :; do sleep 0.1; done",
  ));
  await session.expect(/here/);
  session.kill("SIGTERM");
  await session.expect(/caught/);
  assertEquals(await session.end(), 5);
});

test("who waits for a command and is killed takes it along", async () => {
  await using container = await running();
  const { bundle, pid } = container;
  await using session = new Session(
    words(bundle, "exec", "one", "sh", "-c", "echo here; sleep 1000"),
  );
  await session.expect(/here/);
  const others = JSON.parse(await bundle.does("ps", "--format", "json", "one"))
    .filter((each: number) => each !== pid) as number[];
  session.kill("SIGKILL");
  using _buried = bury(others[0]!);
  await until("the command is gone", () => isGone(others[0]!));
  assertEquals(await bundle.status("one"), "running");
});

test("kill --all reaches what exec has started", async () => {
  await using container = await running();
  const { bundle, pid } = container;
  const file = `${bundle.dir.path}/pid`;
  await detached(bundle, ["--pid-file", file], SLEEP);
  const other = Number(await Deno.readTextFile(file));
  using _buried = bury(other);
  await bundle.does("kill", "--all", "one", "KILL");
  await until("both are gone", () => isGone(pid) && isGone(other));
});

test("many at once", async () => {
  await using container = await running();
  const { bundle } = container;
  const results = await Promise.all(
    Array.from({ length: 12 }, (_, n) => exec(bundle, ["one", "echo", `${n}`])),
  );
  assertEquals(
    results.map(({ status, stdout, stderr }) => [status, stdout, stderr]),
    results.map((_, n) => [0, `${n}\n`, ""]),
  );
});

test("the end of a container ends what exec has started, and says so by its status", async () => {
  await using container = await running();
  const { bundle } = container;
  await using session = new Session(
    words(bundle, "exec", "one", "sh", "-c", "echo here; sleep 1000"),
  );
  await session.expect(/here/);
  await bundle.does("delete", "--force", "one");
  assertEquals(await session.end(), 137);
});
