/**
 * Words from other tools, and requests that this machine cannot fulfil: the
 * answer names what is available.
 */

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
    [["--network", "a b"], /not one of none, a network, container:NAME, host/],
    [["--network", "nosuch"], /Network does not exist: nosuch\. .*network ls/],
    [["--ip", "10.0.0.1"], /--ip requires a network.*--network NETWORK/],
    [["--network=a", "--network=host"], /cannot attach both user-defined/],
    [["--network", "container:web"], /container does not exist: web/],
    [["--pid", "container:web"], /private, host and path.*\/ns\/pid/],
    [["--ipc", "shareable"], /private, host and path.*--ipc private/],
    [["-p", "99999:80"], /--publish 99999:80: invalid hostPort: 99999/],
    [["--label", "a=b"], /requires a container with a name.*--name.*--detach/],
    [["--security-opt=label=type:x"], /Use --selinux with the whole label/],
    [["--die-with-parent"], /It is always enabled/],
    [["--unshare-all"], /new by default/],
    [["--shm-size=much"], /--shm-size: "much" is not a size/],
  ] as const
) {
  testBoth(`run answers ${flags.join(" ")} in one line`, async (mode) => {
    assertRefused(await mode.run([...flags, "true"]), 125, words);
  });
}

testBoth(
  "--apparmor reports a machine without AppArmor, and accepts unconfined",
  async (mode) => {
    assertRefused(
      await mode.run(["--apparmor", "docker-default", "true"]),
      125,
      /machine does not have AppArmor\. Remove --apparmor/,
    );
    const { stdout, stderr } = await mode.run([
      ...["--apparmor=unconfined", "echo", "hi"],
    ]);
    assertEquals([stdout, stderr], ["hi\n", ""]);
  },
  { skip: noModule("/proc/self/attr/apparmor", "AppArmor") },
);

testBoth("--selinux reports a machine without SELinux", async (mode) => {
  assertRefused(
    await mode.run(["--selinux", "a:b:c:s0", "true"]),
    125,
    /SELinux.*Remove --selinux/,
  );
}, { skip: noModule("/sys/fs/selinux/enforce", "SELinux") });

testBoth("--shm-size sets the size of /dev/shm", async (mode) => {
  const { stdout } = await mode.run([
    "--shm-size",
    "2m",
    "df",
    "-k",
    "/dev/shm",
  ]);
  assertMatch(stdout, / 2048 /);
});
