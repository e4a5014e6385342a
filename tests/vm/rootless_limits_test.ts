// deno-lint-ignore-file no-sync-fn-in-async-fn -- the tests run one at a time
/**
 * Limits of an ordinary user: in a delegated part of cgroup v2, and refused if
 * nothing is delegated. Runs in the machine of `deno task test:vm`.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import {
  copyRootfs,
  execute,
  type Mode,
  Nobody,
  shellLine,
  TempDir,
  testBoth,
} from "../_harness.ts";

const TOP = "/sys/fs/cgroup";
/** `user` in the machine's /etc/passwd. */
const UID = 1000;
const skip = Deno.env.has("CONTAINER_VM")
  ? null
  : "only in a virtual machine, see deno task test:vm";

/**
 * A slice with a session in it, delegated to a user as systemd delegates
 * user@.service.
 */
class Slice implements AsyncDisposable {
  readonly path = `${TOP}/user`;
  readonly session = `${this.path}/session`;

  constructor(owned: readonly string[], controllers: string) {
    Deno.mkdirSync(this.session, { recursive: true });
    Deno.writeTextFileSync(`${TOP}/cgroup.subtree_control`, controllers);
    for (const path of owned) {
      for (const file of ["", "/cgroup.procs", "/cgroup.subtree_control"]) {
        Deno.chownSync(`${path}${file}`, UID, UID);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { stderr } = await execute(
      ["find", this.path, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"],
    );
    assertEquals(stderr, "");
  }
}

/** Runs a container as the user, from his session. */
async function runAs(mode: Mode, slice: Slice, flags: string, script: string) {
  await using nobody = await Nobody.make();
  await using directory = new TempDir();
  const rootfs = await copyRootfs(directory.path);
  await execute(["chown", "-R", `${UID}:${UID}`, directory.path]);
  const words = mode.runWords(
    "--rootfs",
    rootfs,
    ...flags.split(" "),
    "sh",
    "-c",
    script,
  );
  // This machine's home is open to everybody, so it cannot hold his state.
  words.unshift("env", `XDG_RUNTIME_DIR=${directory.path}`);
  return await execute([
    "sh",
    "-c",
    `echo $$ > ${slice.session}/cgroup.procs && exec su user -c "$LINE"`,
  ], { env: { ...nobody.env, LINE: `exec ${shellLine(words)}` } });
}

testBoth("rootless limits (v2): delegated limits apply", async (mode) => {
  const owned = [`${TOP}/user`, `${TOP}/user/session`];
  await using slice = new Slice(owned, "+memory +pids +cpu");
  const { status, stdout, stderr } = await runAs(
    mode,
    slice,
    "-m 16m --pids-limit 6 --cpus 2",
    `cat /proc/self/cgroup
     sh -c 'x=$(head -c 20971520 /dev/zero | tr "\\0" a)'; echo killed $?
     for i in 1 2 3 4 5 6 7; do sleep 3 & done`,
  );
  assertEquals([status, stdout], [2, "0::/\nkilled 137\n"], stderr);
  assertMatch(stderr, /can't fork/);
  assertMatch(stderr, /^container: Out of memory: .*limit of 16 MiB/m);
  assertEquals(
    [...Deno.readDirSync(slice.path)].filter((entry) => entry.isDirectory)
      .map(({ name }) => name),
    ["session"],
  );
}, { skip });

testBoth(
  "rootless limits (v2): a controller that is not delegated ends the start",
  async (mode) => {
    const owned = [`${TOP}/user`, `${TOP}/user/session`];
    await using slice = new Slice(owned, "+pids +cpu -memory");
    const { status, stdout, stderr } = await runAs(
      mode,
      slice,
      "-m 16m --pids-limit 3",
      "echo runs",
    );
    assertEquals([status, stdout], [125, ""], stderr);
    assertMatch(
      stderr,
      /^container: Cannot limit memory: .*memory controller.*Delegate=memory/m,
    );
    const allowed = await runAs(
      mode,
      slice,
      "--pids-limit 3",
      "for i in 1 2 3 4; do sleep 3 & done",
    );
    assertEquals(allowed.status, 2, allowed.stderr);
    assertMatch(allowed.stderr, /can't fork/);
  },
  { skip },
);

testBoth(
  "rootless limits (v2): without delegation a container with limits does not start",
  async (mode) => {
    await using slice = new Slice([], "+memory +pids");
    const { status, stdout, stderr } = await runAs(
      mode,
      slice,
      "-m 16m",
      "echo runs",
    );
    assertEquals([status, stdout], [125, ""], stderr);
    assertMatch(
      stderr,
      /^container: Cannot limit memory: .*do not have permission to change/m,
    );
  },
  { skip },
);

testBoth(
  "rootless limits (v2): a delegated cgroup that holds processes is named with a fix",
  async (mode) => {
    await using slice = new Slice(
      [`${TOP}/user/session`],
      "+memory +pids",
    );
    Deno.writeTextFileSync(`${slice.path}/cgroup.subtree_control`, "+pids");
    const { status, stderr } = await runAs(
      mode,
      slice,
      "--pids-limit 9",
      "true",
    );
    assertEquals(status, 125, stderr);
    assertMatch(
      stderr,
      /Cannot limit the number of processes: \S*session contains processes.*\n?.*mkdir \S*session\/init/,
    );
  },
  { skip },
);
