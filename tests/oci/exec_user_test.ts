/** `exec --user` in a container of `run` follows the same rule as run --user. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { Daily } from "../_daily.ts";
import {
  container,
  copyRootfs,
  execute,
  shellLine,
  TempDir,
  test,
} from "../_harness.ts";

const ASK =
  "grep -E '^(Uid|Gid|Groups|Cap)' /proc/self/status; env | grep -v SHLVL | sort";

async function rootfsWithUsers(dir: TempDir): Promise<string> {
  const rootfs = await copyRootfs(dir.path);
  await Deno.writeTextFile(
    `${rootfs}/etc/passwd`,
    "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/srv/app:/bin/sh\n",
  );
  await Deno.writeTextFile(
    `${rootfs}/etc/group`,
    "root:x:0:\napp:x:1001:\nstaff:x:50:app\nwheel:x:60:app,root\n",
  );
  return rootfs;
}

test("exec --user sets group, groups, HOME and rights like run --user", async () => {
  await using dir = new TempDir();
  const rootfs = await rootfsWithUsers(dir);
  await using daily = new Daily();
  const flags = ["--group-add", "7", "-e", "MORE=1", "--hostname", "box"];
  const start = (name: string, ...further: string[]) =>
    daily.does(
      ...["run", "-d", "-q", "--name", name, "--rootfs", rootfs],
      ...[...flags, ...further, "sleep", "1000"],
    );
  await start("of-root");
  await start("of-app", "--user", "app");
  const run = async (...user: string[]) => {
    const { status, stdout, stderr } = await container([
      ...["run", "-q", "--rootfs", rootfs, ...flags, ...user],
      ...["sh", "-c", ASK],
    ]);
    assertEquals([status, stderr], [0, ""]);
    return stdout;
  };
  const exec = (name: string, ...user: string[]) =>
    daily.does("exec", ...user, name, "sh", "-c", ASK);
  const users = ["app", "1000", "1000:5", "app:staff", "4321", "0", "root"];
  for (const user of users) {
    const expected = await run("--user", user);
    assertEquals(await exec("of-root", "-u", user), expected, user);
    if (user === "4321" || user === "0") {
      assertEquals(await exec("of-app", "-u", user), expected, user);
    }
  }
  assertMatch(await exec("of-root", "-u", "1000"), /^Gid:\s+1001\s/m);
  assertEquals(await exec("of-root"), await run());
  assertEquals(await exec("of-app"), await run("--user", "app"));
  // A variable that was asked for stays the container's, for every user.
  assertMatch(
    await exec("of-root", "-u", "app", "-e", "HOME=/tmp"),
    /^HOME=\/tmp$/m,
  );
  for (const user of ["nobody-here", "app:nobody-here"]) {
    const { status, stderr } = await daily.call(
      ...["exec", "-u", user, "of-root", "true"],
    );
    assertEquals(status, 125);
    assertMatch(stderr, /^container: Cannot .*nobody-here[^\n]*\n$/);
  }
});

test("exec sets TERM only with a terminal, like run", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "-t", "sleep", "1000");
  const { stdout } = await execute([
    "script",
    "-qec",
    shellLine(
      daily.words("exec", "-t", "one", "sh", "-c", "echo T=$TERM"),
    ),
    "/dev/null",
  ], { env: { TERM: "vt220", SHELL: "/bin/sh" } });
  assertMatch(stdout, /T=vt220/);
  const plain = await daily.does("exec", "one", "sh", "-c", "echo T=$TERM");
  assertEquals(plain, "T=\n");
});
