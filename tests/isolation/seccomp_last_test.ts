/**
 * The seccomp filter is the last step before the command's execve: a profile
 * has to allow execve, and no other call of our program.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import {
  container,
  copyRootfs,
  execute,
  REPOSITORY,
  TempDir,
  test as hostTest,
  without,
} from "../_harness.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, { skip: without("gcc") });

/** The calls that docs/engines.md names, and the two calls of the command. */
const allowing = (defaultAction: string) => ({
  defaultAction,
  syscalls: [{
    names: ["execve", "write", "exit_group"],
    action: "SCMP_ACT_ALLOW",
  }],
});

async function buildSay(rootfs: string): Promise<void> {
  const { stderr } = await execute([
    ...["gcc", "-static", "-nostdlib", "-ffreestanding", "-O1"],
    ...["-o", `${rootfs}/bin/say`, `${REPOSITORY}/tests/_say.c`],
  ]);
  assertEquals(stderr, "");
}

for (const noNewPrivileges of [true, false]) {
  test(`a bundle starts with a profile that allows only execve, ${noNewPrivileges ? "with" : "without"} no_new_privs`, async () => {
    for (
      const [action, uid, capabilities] of [
        ["SCMP_ACT_KILL_PROCESS", 0, undefined],
        ["SCMP_ACT_ERRNO", 1000, undefined],
        ["SCMP_ACT_KILL_PROCESS", 1000, null],
      ] as const
    ) {
      await using bundle = await Bundle.make(["/bin/say"], (config) => {
        config.linux.seccomp = allowing(action);
        Object.assign(config.process, {
          noNewPrivileges,
          user: { uid, gid: uid, additionalGids: [7] },
          ...(capabilities === null ? { capabilities } : {}),
        });
        if (capabilities === null) {
          delete (config.process as { capabilities?: unknown }).capabilities;
        }
      });
      await buildSay(`${bundle.dir.path}/rootfs`);
      const ran = await bundle.call("run", "--bundle", bundle.dir.path, "one");
      assertEquals([ran.status, ran.stdout, ran.stderr], [7, "here\n", ""]);
      await bundle.create("two");
      const added = await bundle.call("exec", "two", "/bin/say");
      assertEquals(
        [added.status, added.stdout, added.stderr],
        [7, "here\n", ""],
      );
      await bundle.does("delete", "--force", "two");
    }
  });
}

test("--seccomp FILE works with a profile that allows only execve, in both modes and without no_new_privs", async () => {
  await using dir = new TempDir();
  const rootfs = await copyRootfs(dir.path);
  await buildSay(rootfs);
  const profile = `${dir.path}/profile.json`;
  await Deno.writeTextFile(
    profile,
    JSON.stringify(allowing("SCMP_ACT_KILL_PROCESS")),
  );
  for (const init of [[], ["--no-init"]]) {
    for (const more of [[], ["--no-new-privs=false"]]) {
      for (const user of [[], ["--user", "1000:1000"]]) {
        const { status, stdout, stderr } = await container([
          ...["run", "-q", ...init, ...more, ...user, "--rootfs", rootfs],
          ...["--seccomp", profile, "/bin/say"],
        ]);
        assertEquals([status, stdout, stderr], [7, "here\n", ""]);
      }
    }
  }
});

test("the capability for a filter without no_new_privs does not reach the command", async () => {
  for (const user of ["0", "1000"]) {
    const status = await container([
      ...["run", "-q", "--no-new-privs=false", "--user", user],
      ...["cat", "/proc/self/status"],
    ]);
    assertStringIncludes(status.stdout, "Seccomp:\t2\n");
    const [, permitted] = status.stdout.match(/^CapPrm:\t(\w+)$/m)!;
    const bits = BigInt(`0x${permitted}`);
    assertEquals(bits >> 21n & 1n, 0n, "CAP_SYS_ADMIN");
    assert(user === "0" ? bits > 0n : bits === 0n, permitted);
  }
});
