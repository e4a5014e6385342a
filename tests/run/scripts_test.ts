/** Scripts that cannot be executed: what is said, and the status. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { Daily } from "../_daily.ts";
import {
  copyRootfs,
  type Mode,
  rootfs,
  TempDir,
  test,
  testBoth,
} from "../_harness.ts";
import { assertRefused } from "../_refused.ts";

/** Scripts by name, with the status and the message. */
const SCRIPTS: Readonly<
  Record<string, [text: string, status: number, words: RegExp]>
> = {
  crlf: [
    "#!/bin/sh\r\necho hi\r\n",
    127,
    /no such file or directory \(ENOENT\), its interpreter \/bin\/sh\\r is not in the root filesystem\. .*CRLF.*sed/,
  ],
  missing: [
    "#! /no/such -x\n",
    127,
    /\(ENOENT\), its interpreter \/no\/such is not in the root filesystem/,
  ],
  loop: [
    "#!/mnt/loop\n",
    127,
    /too many levels of symbolic links \(ELOOP\), its interpreter \/mnt\/loop is a script/,
  ],
  closed: [
    "#!/etc/passwd\n",
    126,
    /its interpreter \/etc\/passwd cannot be run: it is not executable/,
  ],
  directory: [
    "#!/etc\n",
    126,
    /its interpreter \/etc cannot be run: it is a directory/,
  ],
  nameless: [
    "#!\n",
    126,
    /exec format error \(ENOEXEC\), the first line of the script does not name/,
  ],
};

async function makeScripts(directory: string): Promise<void> {
  for (const [name, [text]] of Object.entries(SCRIPTS)) {
    await Deno.writeTextFile(`${directory}/${name}`, text, { mode: 0o755 });
  }
  // The kernel follows five interpreters that are scripts.
  for (let index = 0; index < 6; index++) {
    const next = index ? `/mnt/chain${index - 1}` : "/bin/sh";
    await Deno.writeTextFile(`${directory}/chain${index}`, `#!${next}\n`, {
      mode: 0o755,
    });
  }
}

testBoth("run says why a script cannot be executed", async (mode: Mode) => {
  await using dir = new TempDir();
  const root = await copyRootfs(dir.path);
  await Deno.mkdir(`${root}/mnt`, { recursive: true });
  await makeScripts(`${root}/mnt`);
  const run = (command: string) => mode.run(["--rootfs", root, command]);
  for (const [name, [, status, words]] of Object.entries(SCRIPTS)) {
    assertRefused(await run(`/mnt/${name}`), status, words);
  }
  assertRefused(await run("/mnt/chain5"), 127, /\(ELOOP\)/);
  const five = await run("/mnt/chain4");
  assertEquals([five.status, five.stderr], [0, ""]);
});

test("exec, and run in the background with a terminal, say it too", async () => {
  await using daily = new Daily();
  await using dir = new TempDir();
  const root = await copyRootfs(dir.path);
  await Deno.mkdir(`${root}/mnt`, { recursive: true });
  await makeScripts(`${root}/mnt`);
  const id = await daily.run("--rootfs", root, "sleep", "1000");
  for (const [name, [, status, words]] of Object.entries(SCRIPTS)) {
    const command = `/mnt/${name}`;
    const inside = await daily.call("exec", id, command);
    assertEquals([inside.status, inside.stdout], [status, ""]);
    assertMatch(inside.stderr, words);
    for (const flags of [["-d"], ["-d", "-t"], ["--name", "one", "--rm"]]) {
      assertRefused(
        await daily.call(
          ...["run", "-q", ...flags, "--rootfs", root, command],
        ),
        status,
        words,
      );
    }
  }
});

test("a missing command in the background with a terminal has status 127", async () => {
  await using daily = new Daily();
  // The keeper may have ended before it is given the terminal, or not.
  for (let turn = 0; turn < 5; turn++) {
    assertRefused(
      await daily.call(
        ...["run", "-q", "-d", "-t", "--rootfs", rootfs(), "nosuch"],
      ),
      127,
      /Cannot run nosuch: not found in/,
    );
  }
});
