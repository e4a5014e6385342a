/** `run --bundle`: create, start, wait and delete in one command. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import type { Config } from "../_config.ts";
import {
  CONTAINER,
  execute,
  type Result,
  shellLine,
  startTerminal,
  test,
  until,
  without,
} from "../_harness.ts";
import { Session } from "../_session.ts";

const words = (bundle: Bundle, ...args: string[]) =>
  bundle.words("run", "--bundle", bundle.dir.path, ...args);

const run = (
  bundle: Bundle,
  args: string[],
  options?: Parameters<typeof execute>[1],
): Promise<Result> => bundle.execute(words(bundle, ...args), options);

const shell = (script: string, change?: (config: Config) => void) =>
  Bundle.make(["sh", "-c", script], change);

const ids = async (bundle: Bundle) =>
  JSON.parse(await bundle.does("list", "--format", "json"))
    .map(({ id, status }: { id: string; status: string }) => `${id} ${status}`);

test("run --bundle uses our streams, returns the command's status, and deletes", async () => {
  await using bundle = await shell(
    "read line; echo out $line; echo err >&2; exit 7",
  );
  const { status, stdout, stderr } = await run(bundle, [
    "--pid-file",
    `${bundle.dir.path}/pid`,
    "one",
  ], { stdin: "hello\n" });
  assertEquals([status, stdout, stderr], [7, "out hello\n", "err\n"]);
  assert(Number(await Deno.readTextFile(`${bundle.dir.path}/pid`)) > 0);
  assertEquals(await ids(bundle), []);
});

test("run --bundle --keep leaves the ended container to delete", async () => {
  await using bundle = await shell("exit 3");
  assertEquals((await run(bundle, ["--keep", "one"])).status, 3);
  assertEquals(await ids(bundle), ["one stopped"]);
  await bundle.does("delete", "one");
});

test("run --bundle --detach does not wait, and leaves the container to delete", async () => {
  await using bundle = await shell("sleep 1000");
  const [program, ...args] = words(bundle, "--detach", "one");
  const { success } = await new Deno.Command(program!, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  assert(success);
  assertEquals(await ids(bundle), ["one running"]);
  await bundle.does("delete", "--force", "one");
});

test("run --bundle forwards signals, and deletes at the end", async () => {
  await using bundle = await shell(
    "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done",
  );
  await using session = new Session(words(bundle, "one"));
  await session.expect(/ready\n/);
  session.kill("SIGTERM");
  assertEquals(await session.end(), 5);
  assertEquals(await ids(bundle), []);
});

test("run --bundle reports the signal that killed its command", async () => {
  await using bundle = await shell("kill -SEGV $$; kill -KILL $$; sleep 1000");
  await using session = new Session(words(bundle, "one"));
  const state = async () =>
    JSON.parse((await bundle.call("state", "one")).stdout || "{}");
  await until("it runs", async () => (await state()).status === "running");
  Deno.kill((await state()).pid, "SIGKILL");
  assertEquals(await session.end(), 137);
  assertEquals(await ids(bundle), []);
});

test("delete --force cleans up after a killed run --bundle", async () => {
  await using bundle = await shell("echo ready; sleep 1000");
  await using session = new Session(words(bundle, "one"));
  await session.expect(/ready\n/);
  session.kill("SIGKILL");
  await session.status;
  assertEquals(await ids(bundle), ["one running"]);
  await bundle.does("delete", "--force", "one");
  assertEquals(await ids(bundle), []);
});

test("a signal before run --bundle has started its command ends it and leaves nothing", async () => {
  await using bundle = await shell("touch /ran", (config) => {
    config.hooks = {
      createRuntime: [{
        path: "/bin/sh",
        args: ["sh", "-c", "kill -TERM $PPID; sleep 0.3"],
      }],
    };
  });
  const { status } = await run(bundle, ["one"]);
  assertEquals(status, 143);
  assertEquals(await ids(bundle), []);
  const ran = await Deno.lstat(`${bundle.dir.path}/rootfs/ran`)
    .catch(() => null);
  assertEquals(ran, null);
});

test("run --bundle that cannot start leaves nothing", async () => {
  await using bundle = await Bundle.make(["nosuch"]);
  const { status, stdout, stderr } = await run(bundle, ["one"]);
  assertEquals([status, stdout], [127, ""]);
  assertStringIncludes(stderr, "executable file not found in $PATH");
  assertEquals(await ids(bundle), []);
});

test("run --bundle is recognized before the command only, and checks its flags", async () => {
  await using bundle = await shell("exit 0");
  const { status, stdout } = await execute([
    ...CONTAINER,
    ...["run", "-q", "echo", "--bundle", bundle.dir.path],
  ]);
  assertEquals([status, stdout], [0, `--bundle ${bundle.dir.path}\n`]);
  const help = await run(bundle, ["--help"]);
  assertEquals(help.status, 0);
  assertStringIncludes(help.stdout, "--no-subreaper");
  const mistaken: [string[], string][] = [
    [[], "needs the ID of a container"],
    [["a", "b"], "takes one ID"],
    [["--preserve-fds", "x", "a"], "--preserve-fds x: not a number"],
    [["--preserve-fds", "2", "a"], "descriptor 3 is not open"],
    [["--console-socket", "/none", "a"], "detach"],
    [["--kep", "a"], "Did you mean --keep?"],
  ];
  for (const [args, text] of mistaken) {
    const { status, stderr } = await run(bundle, args);
    assertEquals(status, 125, stderr);
    assertStringIncludes(stderr, text);
  }
});

test("LISTEN_FDS and --preserve-fds pass on descriptors, and no others", async () => {
  await using bundle = await shell(
    "cat <&3; cat <&4; ls /proc/$$/fd; env | grep LISTEN | sort",
  );
  const file = `${bundle.dir.path}/file`;
  await Deno.writeTextFile(file, "text\n");
  const line = shellLine(words(bundle, "--preserve-fds", "1", "one"));
  const { status, stdout, stderr } = await execute([
    "sh",
    "-c",
    // Number 5 is open too, but was not asked for.
    `LISTEN_FDS=1 LISTEN_PID=$$; export LISTEN_FDS LISTEN_PID; exec ${line}`,
  ].map((word, index) =>
    index === 2 ? `${word} 3<${file} 4<${file} 5<${file}` : word
  ));
  assertEquals([status, stderr], [0, ""]);
  assertEquals(
    stdout,
    "text\ntext\n0\n1\n2\n3\n4\nLISTEN_FDS=1\nLISTEN_PID=1\n",
  );
});

test("run --bundle connects our terminal with the container's", async () => {
  await using bundle = await shell(
    "tty; stty size; read line; echo got $line; sleep 1000",
    (config) => {
      config.process.terminal = true;
    },
  );
  const line = shellLine(words(bundle, "one"));
  await using terminal = startTerminal(
    `stty rows 33 cols 77; ${line}; echo status $?; stty -a | grep -o '.icanon'`,
  );
  await terminal.expect(/\/dev\/(pts\/0|console)\r\n33 77\r\n/);
  await terminal.send("typed\r");
  await terminal.expect(/got typed\r\n/);
  const { pid } = JSON.parse(await bundle.does("state", "one"));
  Deno.kill(pid, "SIGKILL");
  await terminal.expect(/status 137\r\n/);
  // As before: not in raw mode.
  await terminal.expect(/ icanon/);
  await terminal.end();
  assertEquals(await ids(bundle), []);
}, { skip: without("script") });
