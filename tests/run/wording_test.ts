/** What people bring from other tools, or ask of a machine that lacks it: the answer names what there is. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { assertRefused } from "../_refused.ts";
import { testBoth } from "../_harness.ts";

const noModule = (path: string, name: string) => {
  try {
    Deno.statSync(path);
    return `this machine has ${name}`;
  } catch {
    return null;
  }
};

for (
  const [flags, words] of [
    [["--network", "bridge"], /not one of none, host and path.*no bridges/],
    [["--network", "container:web"], /path:\/proc\/PID\/ns\/net/],
    [["--pid", "container:web"], /private, host and path.*\/ns\/pid/],
    [["--ipc", "shareable"], /private, host and path.*--ipc private/],
    [["-p", "80:80"], /Unknown flag -p\. .*--network host/],
    [["--label", "a=b"], /is kept.*--name.*--detach/],
    [["--security-opt=seccomp=x"], /--seccomp, --apparmor/],
    [["--die-with-parent"], /It is always so/],
    [["--unshare-all"], /new by default/],
    [["--shm-size=much"], /--shm-size: "much" is not a size/],
  ] as const
) {
  testBoth(`${flags.join(" ")} is answered in one line`, async (mode) => {
    assertRefused(await mode.run([...flags, "true"]), 2, words);
  });
}

testBoth(
  "--apparmor where there is no AppArmor says so; unconfined is what it is",
  async (mode) => {
    assertRefused(
      await mode.run(["--apparmor", "docker-default", "true"]),
      125,
      /no AppArmor on this machine: leave out --apparmor/,
    );
    const { stdout, stderr } = await mode.run([
      ...["--apparmor=unconfined", "echo", "hi"],
    ]);
    assertEquals([stdout, stderr], ["hi\n", ""]);
  },
  { skip: noModule("/proc/self/attr/apparmor", "AppArmor") },
);

testBoth("--selinux where there is no SELinux says so", async (mode) => {
  assertRefused(
    await mode.run(["--selinux", "a:b:c:s0", "true"]),
    125,
    /SELinux.*leave out --selinux/,
  );
}, { skip: noModule("/sys/fs/selinux/enforce", "SELinux") });

testBoth("--shm-size is the size of /dev/shm", async (mode) => {
  const { stdout } = await mode.run([
    "--shm-size",
    "2m",
    "df",
    "-k",
    "/dev/shm",
  ]);
  assertMatch(stdout, / 2048 /);
});
