/** `run --detach`: a container that outlives the command that starts it. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Daily, gone, memoryOf } from "../_daily.ts";
import {
  CONTAINER,
  copyRootfs,
  decode,
  NOBODY,
  Nobody,
  rootfs,
  shellLine,
  test,
  until,
} from "../_harness.ts";

test("run -d prints the id and ends, and ps shows the running container", async () => {
  await using daily = new Daily();
  const out = await daily.does(
    ...["run", "-dq", "--name", "web", "--rootfs", rootfs(), "sleep", "1000"],
  );
  assertMatch(out, /^[0-9a-f]{64}\n$/);
  const id = out.trim();
  const [head, line, ...more] = (await daily.does("ps")).trimEnd().split("\n");
  assertEquals(more, []);
  assertMatch(
    head!,
    /^CONTAINER ID {2,}COMMAND {2,}CREATED {2,}STATUS {2,}PORTS {2,}NAME$/,
  );
  assertMatch(
    line!,
    new RegExp(`^${id.slice(0, 12)}  "sleep 1000" .* Up .*  web$`),
  );
  assertEquals(line!.indexOf('"sleep'), head!.indexOf("COMMAND"));
  assertEquals(await daily.does("ps", "-q"), `${id.slice(0, 12)}\n`);
  assertEquals(await daily.does("ps", "-q", "--no-trunc"), `${id}\n`);
  const [state] = JSON.parse(await daily.does("ps", "--format", "json"));
  assertEquals([state.id, state.name, state.status], [id, "web", "running"]);
  assertEquals(await daily.does("rm", "-f", "web"), "web\n");
  assertEquals(daily.left(), []);
});

test("the keeper is small, leads its own session and inherits nothing from us", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "-e", "INSIDE=1", "sleep", "1000");
  const { KeeperPid, State } = await daily.inspect("one");
  assert(memoryOf(KeeperPid) < 200, `${memoryOf(KeeperPid)} kB`);
  const of = (pid: number, name: string) =>
    Deno.readTextFileSync(`/proc/${pid}/${name}`);
  assertEquals(of(KeeperPid, "environ"), "");
  assertEquals(await Deno.readLink(`/proc/${KeeperPid}/cwd`), "/");
  const stat = of(KeeperPid, "stat").split(") ")[1]!.split(" ");
  // It leads its session, which has no terminal.
  assertEquals([Number(stat[3]), stat[4]], [KeeperPid, "0"]);
  const fds = await Array.fromAsync(Deno.readDir(`/proc/${KeeperPid}/fd`));
  const open = await Promise.all(
    fds.map(({ name }) => Deno.readLink(`/proc/${KeeperPid}/fd/${name}`)),
  );
  const known = /^(\/dev\/null|pipe:.*|anon_inode:\[pidfd\]|socket:.*)$/;
  assertEquals(
    open.filter((path) => !known.test(path) && !path.startsWith(daily.root)),
    [],
  );
  // For the requests of `attach`, and no other socket.
  assertEquals(open.filter((path) => path.startsWith("socket")).length, 1);
  // The command is PID 1, in another process group than the keeper.
  const inside = of(State.Pid, "stat").split(") ")[1]!.split(" ");
  assertEquals(Number(inside[1]), KeeperPid);
  assert(Number(inside[2]) !== KeeperPid);
  assertMatch(of(State.Pid, "environ"), /INSIDE=1/);
});

test("run -d in a shell's $( ) returns at once, and ends a pipe", async () => {
  await using daily = new Daily();
  const line = shellLine([
    ...[...CONTAINER, "--root", daily.root],
    ...["run", "-dq", "--rootfs", rootfs(), "sleep", "1000"],
  ]);
  const { code, stdout } = await new Deno.Command("sh", {
    args: ["-c", `id=$(${line}) && echo "$id" | cat`],
    signal: AbortSignal.timeout(30_000),
  }).output();
  assertEquals(code, 0);
  assertMatch(decode(stdout), /^[0-9a-f]{64}\n$/);
});

for (
  const [what, args, status, text] of [
    ["a missing command", ["nosuch"], 127, "not found"],
    ["a file that is not a program", ["/etc"], 126, "directory"],
    [
      "a working directory that is missing",
      ["-w", "/nosuch", "true"],
      125,
      "/nosuch",
    ],
    ["a bad name", ["--name", "a b", "true"], 125, "Invalid container name"],
    [
      "an unknown policy",
      ["--restart", "often", "true"],
      125,
      "--restart often",
    ],
    [
      "--rm with --restart",
      ["--rm", "--restart", "always", "true"],
      125,
      "cannot be used together",
    ],
    ["--init", ["--init", "true"], 125, "--init"],
    ["descriptors", ["--preserve-fd", "1", "true"], 125, "descriptors"],
    ["--seccomp learn", ["--seccomp", "learn", "true"], 125, "learn"],
  ] as [string, string[], number, string][]
) {
  test(`run -d refuses ${what}, and leaves nothing`, async () => {
    await using daily = new Daily();
    const { status: got, stdout, stderr } = await daily.call(
      ...["run", "-dq", "--rootfs", rootfs(), ...args],
    );
    assertEquals([got, stdout], [status, ""], stderr);
    assertStringIncludes(stderr, text);
    assertEquals(daily.left(), []);
  });
}

test("--restart, --label and similar flags need a container that is kept", async () => {
  await using daily = new Daily();
  for (
    const flags of [["--restart", "always"], ["--label", "a=b"], [
      "--stop-timeout",
      "3",
    ]]
  ) {
    const { status, stderr } = await daily.call(
      ...["run", ...flags, "--rootfs", rootfs(), "true"],
    );
    assertEquals(status, 125);
    assertStringIncludes(stderr, "--detach");
  }
  assertEquals(
    (await daily.call("run", "-q", "--rm", "--rootfs", rootfs(), "true"))
      .status,
    0,
  );
});

test("run -d -t gives the container a terminal, and -i an input that stays open", async () => {
  await using daily = new Daily();
  await daily.run(
    "-t",
    "--name",
    "tty",
    "sh",
    "-c",
    "tty; stty size; sleep 1000",
  );
  await daily.says("tty", "/dev/pts/0\r\n24 80\r\n");
  assert((await daily.inspect("tty")).Config.Tty);
  await daily.run("-i", "--name", "open", "cat");
  await daily.run("--name", "shut", "cat");
  await daily.is("shut", "exited");
  await daily.is("open", "running");
});

test("killing the keeper ends neither the container nor its log and record", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "sleep", "1000");
  const { KeeperPid, State } = await daily.inspect("one");
  Deno.kill(KeeperPid, "SIGKILL");
  await gone(KeeperPid);
  assertEquals((await daily.inspect("one")).State.Status, "running");
  Deno.kill(State.Pid, "SIGKILL");
  await gone(State.Pid);
  const { State: after } = await daily.inspect("one");
  // No process saw how it ended.
  assertEquals([after.Status, after.ExitCode], ["exited", null]);
  assertMatch(await daily.does("ps", "-a"), /Exited \(\?\)/);
  await daily.does("rm", "one");
  assertEquals(daily.left(), []);
});

test("a --rm container with a killed keeper is removed by the next command", async () => {
  await using daily = new Daily();
  await daily.run("--rm", "--name", "one", "sleep", "1000");
  const { KeeperPid, State } = await daily.inspect("one");
  Deno.kill(KeeperPid, "SIGKILL");
  Deno.kill(State.Pid, "SIGKILL");
  await gone(State.Pid);
  await gone(KeeperPid);
  await daily.does("ps");
  assertEquals(daily.left(), []);
});

test("killing run -d at any moment leaves only what rm -f removes", async () => {
  await using daily = new Daily();
  const [program, ...words] = CONTAINER;
  for (let delay = 20; delay < 600; delay += 40) {
    const child = new Deno.Command(program!, {
      args: [
        ...[...words, "--root", daily.root],
        ...[
          "run",
          "-dq",
          "--name",
          "one",
          "--rootfs",
          rootfs(),
          "sleep",
          "1000",
        ],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await new Promise((resolve) => setTimeout(resolve, delay));
    try {
      child.kill("SIGKILL");
    } catch {
      // It had already ended.
    }
    await child.status;
    const ids = (await daily.does("ps", "-aq", "--no-trunc")).trim();
    if (ids) await daily.does("rm", "-f", ...ids.split("\n"));
    // If it was killed before it wrote a record, a directory without one is
    // left. The next prune that finds it old removes it.
    const left = daily.left().filter((name) => name !== "one");
    for (const name of left) {
      const files = await Array.fromAsync(
        Deno.readDir(`${daily.root}/${name}`),
      );
      assert(!files.some(({ name }) => name === "state.json"), `${delay} ms`);
      const path = `${daily.root}/${name}`;
      await Deno.utime(path, new Date(0), new Date(0));
    }
    await daily.does("prune", "-f", "-q");
    assertEquals(daily.left(), [], `${delay} ms`);
  }
});

test("run -d works for an ordinary user", async () => {
  await using nobody = await Nobody.make();
  await using daily = new Daily(nobody, NOBODY);
  const id = await daily.run(
    ...["--rootfs", await copyRootfs(daily.dir.path), "--name", "mine"],
    ...["sh", "-c", "id -u; sleep 1000"],
  );
  await daily.says("mine", "0\n");
  assertEquals(await daily.does("ps", "-q"), `${id.slice(0, 12)}\n`);
  await daily.does("stop", "-t", "0", "mine");
  assertEquals((await daily.inspect("mine")).State.ExitCode, 137);
  await daily.does("start", "mine");
  await daily.is("mine", "running");
  await daily.does("rm", "-f", "mine");
  assertEquals(daily.left(), []);
});

test("a record from before a reboot does not count as a running container", async () => {
  await using daily = new Daily();
  const id = await daily.run("--name", "one", "sleep", "1000");
  const { State, KeeperPid } = await daily.inspect("one");
  const path = `${daily.root}/${id}/state.json`;
  const record = JSON.parse(await Deno.readTextFile(path));
  record.boot = "another";
  await Deno.writeTextFile(path, JSON.stringify(record));
  assertEquals((await daily.inspect("one")).State.Status, "exited");
  // By now the number may belong to another process, which must not be killed.
  await daily.does("rm", "-f", "one");
  await until("it is gone with its cgroup", () => {
    try {
      Deno.kill(State.Pid, "SIGKILL");
      return false;
    } catch {
      return true;
    }
  });
  await gone(KeeperPid);
});
