/**
 * Files as standard streams: shared by the tests of every way to start a
 * command.
 */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { execute, shellLine, TempDir } from "./_harness.ts";

/** Runs a line of the shell in a directory with files of its own. */
export const inShell = (dir: TempDir, line: string) =>
  execute(["sh", "-c", `cd ${dir.path} && ${line}`]);

/** What root inside tries with each stream, and a check that the bytes arrive. */
export const ATTACK = `cat
  echo forged > /proc/self/fd/0
  chmod 6755 /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2
  : > /proc/self/fd/1
  : > /proc/self/fd/2
  echo out; echo err >&2`;

/** Runs the attack with files as all three streams, and checks them afterwards. */
export async function attackFrom(
  words: readonly string[],
  options: { before?: readonly string[]; env?: Record<string, string> } = {},
): Promise<void> {
  await using dir = new TempDir();
  const file = (name: string) => `${dir.path}/${name}`;
  await Deno.writeTextFile(file("in"), "one\ntwo\n");
  await Deno.writeTextFile(file("log"), "before\n");
  await Deno.writeTextFile(file("err"), "");
  if (options.before) {
    for (const name of ["in", "log", "err"]) {
      await Deno.chown(file(name), 65534, 65534);
    }
  }
  const line = shellLine([...options.before ?? [], ...words]);
  const { status } = await execute(
    ["sh", "-c", `${line} < ${file("in")} >> ${file("log")} 2> ${file("err")}`],
    { env: options.env },
  );
  const errors = await Deno.readTextFile(file("err"));
  assertEquals(status, 0, errors);
  assertEquals(await Deno.readTextFile(file("in")), "one\ntwo\n");
  assertEquals(
    await Deno.readTextFile(file("log")),
    "before\none\ntwo\nout\n",
    errors,
  );
  assertMatch(errors, /err\n$/);
  for (const name of ["in", "log", "err"]) {
    assertEquals((await Deno.stat(file(name))).mode! & 0o7777, 0o644, name);
  }
}

/** Runs words with a file on a disk of 64 kilobytes as output. */
export const inSmall = (dir: TempDir, words: readonly string[]) =>
  execute([
    ...["unshare", "-m", "sh", "-c"],
    `mkdir -p ${dir.path}/small && mount -t tmpfs -o size=64k tmpfs ${dir.path}/small &&
     ${shellLine(words)} > ${dir.path}/small/out`,
  ]);
