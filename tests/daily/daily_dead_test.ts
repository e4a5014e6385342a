/**
 * Containers of `--rm` whose keeper was killed: the next command that finds one
 * removes it.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Daily } from "../_daily.ts";
import { execute, rootfs, test } from "../_harness.ts";
import { Session } from "../_session.ts";

/** The id of a foreground run that was killed. */
async function deadRun(daily: Daily, ...flags: string[]): Promise<string> {
  await using session = new Session(daily.words(
    ...["run", "-q", "--rm", "--name", "one", "--rootfs", rootfs(), ...flags],
    ...["sh", "-c", "echo up; sleep 1000"],
  ));
  await session.expect(/up/);
  const { Id, KeeperPid } = await daily.inspect("one");
  Deno.kill(KeeperPid, "SIGKILL");
  return Id;
}

const isThere = (path: string) => Deno.stat(path).then(() => true, () => false);

test("the name of a --rm container whose run was killed is free for every command", async () => {
  await using daily = new Daily();
  await daily.run("--name", "other", "true");
  const again = ["run", "-q", "--rm", "--name", "one", "--rootfs", rootfs()];
  for (const mode of ["--init", "--no-init"]) {
    const id = await deadRun(daily, mode);
    // At once.
    await daily.does(...again, "true");
    assert(!await isThere(`${daily.root}/${id}`), mode);
  }
  const id = await deadRun(daily, "-m", "64m");
  const { root } = daily;
  const put = (from: string, to: string) =>
    execute(["sh", "-c", 'rm -rf "$2" && cp -a "$1" "$2"', "sh", from, to]);
  await put(root, `${root}.dead`);
  // One command for each way of finding a container.
  const GONE = [
    ["inspect"],
    ["logs"],
    ["attach"],
    ["start"],
    ["stop"],
    ["kill"],
    ["wait"],
    ["top"],
    ["state"],
    ["ps"],
  ];
  const meets = async (words: string[]) => {
    await put(`${root}.dead`, root);
    const result = await daily.call(...words);
    assert(!await isThere(`${root}/${id}`), words.join(" "));
    return result;
  };
  for (const words of GONE) {
    const { status, stderr } = await meets([...words, "one"]);
    assertEquals([status === 0, words], [false, words]);
    assertStringIncludes(stderr, "does not exist", words.join(" "));
  }
  const after = [["exec", "one", "true"], ["rename", "one", "two"], [
    "pause",
    id,
  ]];
  for (const words of after) {
    assertStringIncludes((await meets(words)).stderr, "does not exist");
  }
  const fine = [
    ["rm", "one"],
    ["rm", "-f", id],
    ["delete", id],
    ["rename", "other", "one"],
    ["list"],
    ["ps"],
    ["prune", "-f"],
  ];
  for (const words of fine) {
    const { status, stderr } = await meets(words);
    assertEquals([status, stderr], [0, ""], words.join(" "));
  }
  // Also a container that was killed before anything of it was started.
  await put(`${root}.dead`, root);
  const file = `${root}/${id}/state.json`;
  const record = JSON.parse(await Deno.readTextFile(file));
  record.pid = 0;
  record.startTime = "";
  record.daily.started = null;
  await Deno.writeTextFile(file, JSON.stringify(record));
  await daily.run("--name", "one", "true");
});

test("run -d --rm with a killed keeper: the container is removed once it has ended", async () => {
  await using daily = new Daily();
  await daily.run("--rm", "--name", "one", "sleep", "1000");
  const { KeeperPid, State } = await daily.inspect("one");
  Deno.kill(KeeperPid, "SIGKILL");
  // It runs on, and keeps its name.
  assertEquals((await daily.inspect("one")).State.Status, "running");
  Deno.kill(State.Pid, "SIGKILL");
  await daily.run("--name", "one", "true");
});
