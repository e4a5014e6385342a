/**
 * Files as standard streams of commands that are started by exec, by run
 * --name, by the library and by an engine.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { Daily } from "../_daily.ts";
import { ATTACK, attackFrom, inShell, inSmall } from "../_file_streams.ts";
import {
  CONTAINER,
  REPOSITORY,
  rootfs,
  shellLine,
  TempDir,
  test,
  until,
} from "../_harness.ts";
import { Session } from "../_session.ts";

test("exec in a container of run -d, and run --name, protect a standard stream's file", async () => {
  await using daily = new Daily();
  await daily.run("--name", "web", "sleep", "1000");
  await attackFrom(daily.words("exec", "web", "sh", "-c", ATTACK));
  await attackFrom(daily.words(
    ...["run", "-q", "--name", "two", "--rootfs", rootfs()],
    ...["sh", "-c", ATTACK],
  ));
});

/** A program that uses the library and passes on its own streams. */
const PROGRAM = (command: string[], options: string) => `
  import { run } from "${REPOSITORY}/mod.ts";
  await using container = await run({
    rootfs: ${JSON.stringify(rootfs())},
    command: ${JSON.stringify(command)},
    stdin: "inherit",
    ${options}
  });
  const { code } = await container.status.catch((error) => {
    console.error(error.message);
    return { code: error.status };
  });
  Deno.exit(code);`;

async function libraryWords(
  dir: TempDir,
  command: string[],
  options = "",
): Promise<string[]> {
  const file = `${dir.path}/program.ts`;
  await Deno.writeTextFile(file, PROGRAM(command, options));
  return [
    ...[Deno.execPath(), "run", "-A", "--no-check"],
    ...["--config", `${REPOSITORY}/deno.json`, file],
  ];
}

test("the library's inherit protects a file, and a full disk rejects the status", async () => {
  await using dir = new TempDir();
  await attackFrom(await libraryWords(dir, ["sh", "-c", ATTACK]));
  const { status, stderr } = await inSmall(
    dir,
    await libraryWords(dir, ["yes"]),
  );
  assertMatch(stderr, /Cannot write standard output .*ENOSPC/);
  assertEquals(status, 1);
  const words = shellLine(
    await libraryWords(
      dir,
      ["readlink", "/proc/self/fd/0"],
      'streams: "inherit"',
    ),
  );
  const { stdout } = await inShell(dir, `${words} < program.ts`);
  assertEquals(stdout, `${dir.path}/program.ts\n`);
});

test("exec -d leaves no stream behind that nothing would copy", async () => {
  await using daily = new Daily();
  await using dir = new TempDir();
  await daily.run("--name", "web", "sleep", "1000");
  const words = (...flags: string[]) =>
    shellLine(daily.words("exec", ...flags, "web", "sh", "-c", "echo hi"));
  const { status, stderr } = await inShell(dir, `${words("-d")} > out`);
  assertEquals(status, 125);
  assertMatch(
    stderr,
    /^container: Cannot run the command in the background: its standard output is a file of the host/,
  );
  const explain = shellLine(daily.words("explain", "--all", "exec", "-d"));
  const asked = `${explain} --streams inherit web true > out`;
  assertEquals((await inShell(dir, asked)).status, 0);
  assertEquals(
    (await Deno.readTextFile(`${dir.path}/out`)).includes("pipe"),
    false,
  );
});

test("exec waits for processes that still write to its file, until a signal", async () => {
  await using daily = new Daily();
  await using dir = new TempDir();
  await daily.run("--name", "web", "sleep", "1000");
  const words = (script: string) =>
    shellLine(daily.words("exec", "web", "sh", "-c", script));
  const late = "(sleep 0.3; echo late) & echo soon";
  await inShell(dir, `${words(late)} > out`);
  assertEquals(await Deno.readTextFile(`${dir.path}/out`), "soon\nlate\n");
  await using session = new Session([
    "sh",
    "-c",
    `exec ${words("sleep 1000 2>&1 & echo up")} > ${dir.path}/out`,
  ]);
  await until(
    "the command has ended",
    async () =>
      await Deno.readTextFile(`${dir.path}/out`) === "up\n" &&
      !(await daily.does("top", "web")).includes("echo up"),
  );
  // It would count as the command's own signal before the command has ended.
  await new Promise((resolve) => setTimeout(resolve, 300));
  session.kill("SIGTERM");
  assertEquals(await session.end(), 143);
  assertStringIncludes(
    session.output,
    "container: Cannot write all of standard output: interrupted by SIGTERM.",
  );
});

test("create passes files on unchanged, like runc", async () => {
  await using bundle = await Bundle.make(["readlink", "/proc/self/fd/0"]);
  await using dir = new TempDir();
  await Deno.writeTextFile(`${dir.path}/in`, "");
  const words = shellLine([
    ...[...CONTAINER, "--root", `${dir.path}/state`, "run"],
    ...["--bundle", bundle.dir.path, "one"],
  ]);
  const { stdout } = await inShell(dir, `${words} < in`);
  assertEquals(stdout, `${dir.path}/in\n`);
});
