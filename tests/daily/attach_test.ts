/**
 * `attach` and `run --detach-keys`: a terminal connects to a container and
 * leaves it.
 */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Daily, gone } from "../_daily.ts";
import {
  copyRootfs,
  execute,
  NOBODY,
  Nobody,
  rootfs,
  shellLine,
  startTerminal,
  test,
  until,
  without,
} from "../_harness.ts";
import { CTRL_C } from "../_keys.ts";
import { Session } from "../_session.ts";
import { settings, terminalOf } from "../_terminal.ts";

const NEEDS = without("script") ?? without("bash");
/** Ctrl-P, Ctrl-Q. */
const LEAVE = "\x10\x11";
const RUNS_ON =
  /container: \S+ continues to run\. Attach again with: container attach \S+\r?\n/;

const run = (
  ...words: string[]
) => ["run", "-q", "--rootfs", rootfs(), ...words];

/** A shell on a terminal, for typing commands. */
async function shellOn(): Promise<Session> {
  const shell = startTerminal("stty -echo; PS1= exec bash --norc --noprofile");
  await shell.send("echo rea''dy\n");
  await shell.expect(/ready\r\n/);
  return shell;
}

test(
  "attach returns to a shell that was left with the detach keys, and exits with its status",
  async () => {
    await using daily = new Daily();
    await using shell = await shellOn();
    let before = "";
    // Until the shell reads a line, the settings are different.
    await until("the shell reads", async () => {
      before = await settings(await terminalOf(shell));
      return before.includes("-icanon");
    });
    const words = run("--name", "one", "--detach-keys", "ctrl-p,ctrl-q", "sh");
    await shell.send(shellLine(daily.words(...words)) + "\n");
    await shell.expect(/# /);
    await shell.send("echo in''side $$; x=kept\n");
    await shell.expect(/inside 1\r\n/);
    await shell.send(LEAVE);
    await shell.expect(RUNS_ON);
    await shell.send("echo left $?\n");
    await shell.expect(/left 0\r\n/);
    const tty = await terminalOf(shell);
    // The shell sets it when it has printed its prompt and reads a line again.
    await until(
      "the terminal is as it was",
      async () => await settings(tty) === before,
    );
    await daily.is("one", "running");
    await shell.send(shellLine(daily.words("attach", "one")) + "\n");
    await until(
      "the terminal is the container's again",
      async () => await settings(tty) !== before,
    );
    await shell.send("echo $x; exit 7\n");
    await shell.expect(/kept\r\n/);
    await until(
      "the terminal is ours again",
      async () => await settings(tty) === before,
    );
    await shell.send("echo ended $?\n");
    await shell.expect(/ended 7\r\n/);
    await daily.is("one", "exited");
    assertStringIncludes((await daily.call("logs", "one")).stdout, "kept\r\n");
  },
  { skip: NEEDS },
);

test(
  "attach gives the container's terminal the size of its own, and follows changes",
  async () => {
    await using daily = new Daily();
    await using shell = await shellOn();
    const script =
      "trap 'stty size' WINCH; while :; do read x && stty size; done";
    await daily.run("--name", "one", "-it", "sh", "-c", script);
    const tty = await terminalOf(shell);
    await execute(["stty", "-F", tty, "rows", "33", "cols", "99"]);
    await shell.send(shellLine(daily.words("attach", "one")) + "\n");
    await until(
      "it is attached",
      async () => /-icanon/.test(await settings(tty)),
    );
    await shell.send("\r");
    await shell.expect(/33 99\r\n/);
    await execute(["stty", "-F", tty, "rows", "44", "cols", "111"]);
    await shell.expect(/44 111\r\n/);
    await shell.send(LEAVE);
    await shell.expect(RUNS_ON);
  },
  { skip: NEEDS },
);

test("attach passes Ctrl-C on the terminal to the command once", async () => {
  await using daily = new Daily();
  const script =
    "trap 'n=$((n + 1)); echo int $n' INT; echo ready; while :; do sleep 0.05; done";
  const words = run(
    "--name",
    "one",
    "--detach-keys",
    "a,b",
    "sh",
    "-c",
    script,
  );
  await using shell = await shellOn();
  await shell.send(shellLine(daily.words(...words)) + "\n");
  await shell.expect(/ready\r\n/);
  for (const count of [1, 2]) {
    await shell.send(CTRL_C);
    await shell.expect(new RegExp(`int ${count}\r\n`));
  }
  await shell.send("a");
  await shell.send("b");
  await shell.expect(RUNS_ON);
}, { skip: NEEDS });

test("attach without a terminal passes signals to the command", async () => {
  await using daily = new Daily();
  await daily.run(
    ...["--name", "one", "sh", "-c"],
    "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.05; done",
  );
  await daily.says("one", "ready");
  await using session = new Session(daily.words("attach", "one"));
  await until(
    "it listens",
    () =>
      /SigCgt:\t[0-9a-f]*[4-7c-f][0-9a-f]{3}\n/.test(
        Deno.readTextFileSync(`/proc/${session.pid}/status`),
      ),
  );
  session.kill("SIGTERM");
  await session.expect(/got it\n/);
  assertEquals(await session.end(), 9);
});

test("attach passes on a pipe's input and its end", async () => {
  await using daily = new Daily();
  const words = daily.words(
    ...run(
      "--rm",
      "--detach-keys",
      "",
      "sh",
      "-c",
      "cat; echo end >&2; exit 5",
    ),
  );
  const { status, stdout, stderr } = await execute(words, { stdin: "a\nb\n" });
  assertEquals([status, stdout, stderr], [5, "a\nb\n", "end\n"]);
  assertEquals(daily.left(), []);
});

test("a second attach works, and its end of input does not end the first", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "-i", "cat");
  await using watching = new Session(
    daily.words("attach", "--no-stdin", "one"),
  );
  await using first = new Session(daily.words("attach", "one"));
  // An attach that comes later does not get earlier output.
  await until("both hear", async () => {
    await first.send("one\n");
    return [first, watching].every(({ output }) => output.includes("one\n"));
  });
  await first.close();
  await using second = new Session(daily.words("attach", "one"));
  await second.send("two\n");
  for (const session of [first, second, watching]) {
    await session.expect(/two\n/);
  }
  // Input to an attach without stdin goes nowhere.
  await watching.send("three\n");
  await second.send(LEAVE);
  await second.expect(RUNS_ON);
  assertEquals(await second.end(), 0);
  assertMatch((await daily.call("logs", "one")).stdout, /^(one\n)+two\n$/);
  await daily.does("kill", "one");
  assertEquals(await Promise.all([first.end(), watching.end()]), [137, 137]);
});

test("run passes on a million bytes in both directions", async () => {
  await using daily = new Daily();
  const line = "0123456789abcdef".repeat(64) + "\n";
  const words = daily.words(...run("--rm", "--detach-keys", "", "cat"));
  const { status, stdout } = await execute(words, { stdin: line.repeat(1000) });
  assertEquals(status, 0);
  assert(stdout === line.repeat(1000), `${stdout.length} bytes`);
});

test("run --rm with detach keys removes the container when it ends", async () => {
  await using daily = new Daily();
  await using session = new Session(daily.words(
    ...run("--rm", "--name", "one", "--detach-keys", "x", "cat"),
  ));
  await session.send("hello\n");
  await session.expect(/hello\n/);
  await session.send("x");
  assertEquals(await session.end(), 0);
  await daily.is("one", "running");
  await daily.does("kill", "one");
  await until("nothing is left", () => daily.left().length === 0);
});

test("killing attach leaves the container running, and --rm still removes it", async () => {
  await using daily = new Daily();
  await using session = new Session(daily.words(
    ...run("--rm", "--name", "one", "--detach-keys", "x", "cat"),
  ));
  await session.send("hello\n");
  await session.expect(/hello\n/);
  const { State } = await daily.inspect("one");
  session.kill("SIGKILL");
  await session.end();
  await daily.is("one", "running");
  await daily.does("kill", "one");
  await gone(State.Pid);
  await until("nothing is left", () => daily.left().length === 0);
});

test("attach refuses in one line what it cannot attach to", async () => {
  await using daily = new Daily();
  await daily.run("--name", "ended", "true");
  await daily.is("ended", "exited");
  await using front = new Session(
    daily.words(...run("--name", "front", "sleep", "1000")),
  );
  await until(
    "it runs",
    async () => (await daily.call("ps", "-q")).stdout !== "",
  );
  const refused = async (status: number, say: RegExp, ...words: string[]) => {
    const result = await daily.call(...words);
    assertEquals([result.status, result.stdout], [status, ""], say.source);
    assertMatch(result.stderr, say);
  };
  await refused(
    125,
    /^container: Cannot attach to \S+: it is not running\. Start it: container start \S+\n$/,
    "attach",
    "ended",
  );
  await refused(
    125,
    /^container: Cannot attach to front: its streams belong to the command that started it\. .*\n$/,
    "attach",
    "front",
  );
  await refused(
    125,
    /"ctrl-" is not a key/,
    "attach",
    "--detach-keys",
    "ctrl-",
    "ended",
  );
  await refused(
    125,
    /"ab" is not a key/,
    ...run("--detach-keys", "ab", "true"),
  );
  await refused(
    125,
    /^container: container does not exist: nothing\. .*\n$/,
    "attach",
    "nothing",
  );
  front.kill("SIGTERM");
  await daily.does("rm", "-f", "front");
  await front.end();
});

test("attach to a command that cannot start reports it as in the foreground", async () => {
  await using daily = new Daily();
  for (
    const [command, status] of [["/bin/nothing", 127], ["/etc", 126]] as const
  ) {
    const result = await daily.call(
      ...run("--rm", "--detach-keys", "x", command),
    );
    assertEquals([result.status, result.stdout], [status, ""], result.stderr);
  }
  assertEquals(daily.left(), []);
});

test("an ordinary user attaches to his own containers", async () => {
  await using nobody = await Nobody.make();
  await using daily = new Daily(nobody, NOBODY);
  await daily.run(
    ...["--rootfs", await copyRootfs(daily.dir.path), "--name", "mine"],
    ...["-i", "sh", "-c", "read x; echo $x; exit 3"],
  );
  await using session = new Session(
    [...nobody.before, ...daily.words("attach", "mine")],
    { env: nobody.env },
  );
  await session.send("typed\n");
  await session.expect(/typed\n/);
  assertEquals(await session.end(), 3);
});
