/** `run --detach`: a container that outlives the command which starts it. */

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

test("run -d prints the id and ends; the container lives on, and ps shows it", async () => {
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
    /^CONTAINER ID {2,}COMMAND {2,}CREATED {2,}STATUS {2,}NAME$/,
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

test("the keeper is small, in a session of its own, and has nothing of ours", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "-e", "INSIDE=1", "sleep", "1000");
  const { KeeperPid, State } = await daily.inspect("one");
  assert(memoryOf(KeeperPid) < 200, `${memoryOf(KeeperPid)} kB`);
  const of = (pid: number, name: string) =>
    Deno.readTextFileSync(`/proc/${pid}/${name}`);
  assertEquals(of(KeeperPid, "environ"), "");
  assertEquals(await Deno.readLink(`/proc/${KeeperPid}/cwd`), "/");
  const stat = of(KeeperPid, "stat").split(") ")[1]!.split(" ");
  // Its session, and no terminal.
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
  // Where `attach` asks for the input, and nothing of ours.
  assertEquals(open.filter((path) => path.startsWith("socket")).length, 1);
  // The command is PID 1, in a process group that is not the keeper's.
  const inside = of(State.Pid, "stat").split(") ")[1]!.split(" ");
  assertEquals(Number(inside[1]), KeeperPid);
  assert(Number(inside[2]) !== KeeperPid);
  assertMatch(of(State.Pid, "environ"), /INSIDE=1/);
});

test("a shell's $( ) of run -d returns at once, and a pipe ends", async () => {
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
    ["a command that is missing", ["nosuch"], 127, "not found"],
    ["a file that is no program", ["/etc"], 126, "directory"],
    [
      "a working directory that is missing",
      ["-w", "/nosuch", "true"],
      125,
      "/nosuch",
    ],
    ["a bad name", ["--name", "a b", "true"], 2, "Invalid container name"],
    [
      "a policy that is none",
      ["--restart", "often", "true"],
      2,
      "--restart often",
    ],
    [
      "--rm with --restart",
      ["--rm", "--restart", "always", "true"],
      2,
      "contradict",
    ],
    ["--init", ["--init", "true"], 2, "--init"],
    ["descriptors", ["--preserve-fd", "1", "true"], 2, "descriptors"],
    ["a filter to be learned", ["--seccomp", "learn", "true"], 125, "learn"],
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

test("--restart, --label and their like want a container that is kept", async () => {
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
    assertEquals(status, 2);
    assertStringIncludes(stderr, "--detach");
  }
  assertEquals(
    (await daily.call("run", "-q", "--rm", "--rootfs", rootfs(), "true"))
      .status,
    0,
  );
});

test("-t gives it a terminal that nobody looks at, -i an input that does not end", async () => {
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

test("the process tree, the log and the record outlive a keeper that is killed", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "sleep", "1000");
  const { KeeperPid, State } = await daily.inspect("one");
  Deno.kill(KeeperPid, "SIGKILL");
  await gone(KeeperPid);
  assertEquals((await daily.inspect("one")).State.Status, "running");
  Deno.kill(State.Pid, "SIGKILL");
  await gone(State.Pid);
  const { State: after } = await daily.inspect("one");
  // Nobody was there to see how.
  assertEquals([after.Status, after.ExitCode], ["exited", null]);
  assertMatch(await daily.does("ps", "-a"), /Exited \(\?\)/);
  await daily.does("rm", "one");
  assertEquals(daily.left(), []);
});

test("a container of --rm whose keeper was killed goes with the next look", async () => {
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

test("run -d that is killed at any moment leaves what rm -f removes", async () => {
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
      // It was done.
    }
    await child.status;
    const ids = (await daily.does("ps", "-aq", "--no-trunc")).trim();
    if (ids) await daily.does("rm", "-f", ...ids.split("\n"));
    // Killed before its record: a directory without one is nobody's, and goes
    // with the next prune that finds it old.
    const left = daily.left().filter((name) => name !== "one");
    for (const name of left) {
      const files = await Array.fromAsync(
        Deno.readDir(`${daily.root}/${name}`),
      );
      assert(!files.some(({ name }) => name === "state.json"), `${delay} ms`);
      const path = `${daily.root}/${name}`;
      await Deno.utime(path, new Date(0), new Date(0));
    }
    await daily.does("prune", "-q");
    assertEquals(daily.left(), [], `${delay} ms`);
  }
});

test("a user who is not root has them too", async () => {
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

test("a record of another boot is not taken for what runs", async () => {
  await using daily = new Daily();
  const id = await daily.run("--name", "one", "sleep", "1000");
  const { State, KeeperPid } = await daily.inspect("one");
  const path = `${daily.root}/${id}/state.json`;
  const record = JSON.parse(await Deno.readTextFile(path));
  record.boot = "another";
  await Deno.writeTextFile(path, JSON.stringify(record));
  assertEquals((await daily.inspect("one")).State.Status, "exited");
  // It is another process now, which nothing of ours may kill.
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
