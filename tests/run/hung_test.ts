/** A file system that does not answer: a signal still ends `run`. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  copyRootfs,
  type Mode,
  shellLine,
  startTerminal,
  TempDir,
  testBoth,
  until,
  without,
} from "../_harness.ts";
import { CTRL_C } from "../_keys.ts";
import { Session } from "../_session.ts";

/**
 * Words that mount a file system at /hung of a root filesystem, and then start
 * the program. The file system's server never answers: no process reads the
 * kernel's requests from descriptor 9. The kernel's own files about such file
 * systems tell how many requests wait.
 */
const HUNG = `set -e
exec 9<>/dev/fuse
mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 hung "$1/hung"
shift
mountpoint -q /sys/fs/fuse/connections ||
  mount -t fusectl fusectl /sys/fs/fuse/connections
echo mounted by $$
exec "$@"`;

const PLACES: [string, (root: string) => string[]][] = [
  ["a root filesystem", (root: string) => ["--rootfs", `${root}/hung`]],
  ["a volume", (root: string) => ["--volume", `${root}/hung/x:/mnt`]],
  ["a mountpoint", () => ["--tmpfs", "/hung/x"]],
  ["a working directory", () => ["--workdir", "/hung"]],
];

const SKIP = without("unshare") ?? without("script");

/**
 * Waits until a process hangs. The first request, INIT, waits from the mount
 * on.
 *
 * @param said what the words printed
 */
async function hang([, pid]: RegExpMatchArray): Promise<void> {
  const [, device] = (await Deno.readTextFile(`/proc/${pid}/mountinfo`))
    .match(/ 0:(\d+) \S+ \S+\/hung /)!;
  const waiting = `/proc/${pid}/root/sys/fs/fuse/connections/${device}/waiting`;
  await until(
    "a process waits for the file system",
    () => Number(Deno.readTextFileSync(waiting)) > 1,
  );
}

async function words(
  mode: Mode,
  dir: string,
  flags: (root: string) => string[],
): Promise<string[]> {
  const root = await copyRootfs(dir);
  await Deno.mkdir(`${root}/hung`);
  return [
    ...["unshare", "-m", "--propagation", "private"],
    ...["sh", "-c", HUNG, "sh", root],
    ...mode.runWords("-q", "--rootfs", root, ...flags(root), "sleep", "1000"),
  ];
}

for (const [place, flags] of PLACES) {
  testBoth(`SIGINT ends a run that waits for ${place}`, async (mode) => {
    await using dir = new TempDir();
    await using session = new Session(await words(mode, dir.path, flags));
    await hang(await session.expect(/mounted by (\d+)\n/));
    session.kill("SIGINT");
    assertEquals(await session.end(), 130);
  }, { skip: SKIP });

  testBoth(`Ctrl-C ends a run that waits for ${place}`, async (mode) => {
    await using dir = new TempDir();
    const line = shellLine(await words(mode, dir.path, flags));
    await using terminal = startTerminal(
      `trap : INT; before=$(stty -g); ${line}; echo status $?; test "$before" = "$(stty -g)" && echo same`,
    );
    await hang(await terminal.expect(/mounted by (\d+)\r\n/));
    await terminal.send(CTRL_C);
    await terminal.expect(/status 130\r\nsame\r\n/);
  }, { skip: SKIP });
}

testBoth("run reports a signal that came before the command", async (mode) => {
  await using dir = new TempDir();
  await using session = new Session(
    await words(mode, dir.path, () => ["--tmpfs", "/hung/x"]),
  );
  await hang(await session.expect(/mounted by (\d+)\n/));
  session.kill("SIGTERM");
  assertEquals(await session.end(), 143);
  assertStringIncludes(
    session.output,
    "container: Cannot start the command: SIGTERM arrived before it ran.",
  );
}, { skip: SKIP });
