// deno-lint-ignore-file no-sync-fn-in-async-fn -- the tests run one at a time
/**
 * A container's cgroup with systemd as PID 1 is a unit of systemd. `deno task
 * test:vm --systemd` runs this in a machine of its own.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { execute, testBoth, until } from "../_harness.ts";
import { exists, groupsOf, shell, whileWaiting } from "./_limited.ts";

const skip = Deno.env.has("CONTAINER_VM") && exists("/run/systemd/system")
  ? null
  : "only with systemd in a virtual machine, see deno task test:vm --systemd";

const TOP = "/sys/fs/cgroup";

/** The scope of the container that a parent has made: its unit and its cgroup. */
function scopeOf(parent: number): { unit: string; path: string } {
  const [group] = groupsOf(parent);
  const path = group!.path.replace(/\/command$/, "");
  return { unit: path.slice(path.lastIndexOf("/") + 1), path };
}

async function show(unit: string): Promise<string> {
  const { stdout } = await execute([
    "systemctl",
    "show",
    "--property=Slice,Delegate,ActiveState,ControlGroup",
    unit,
  ]);
  return stdout.trim().split("\n").sort().join(" ");
}

testBoth(
  "systemd: the cgroup is a delegated scope in system.slice",
  async (mode) => {
    let path = "";
    await whileWaiting(mode, ["--pids-limit", "9"], async (parent) => {
      const scope = scopeOf(parent);
      path = scope.path;
      assertMatch(
        path,
        new RegExp(`^${TOP}/system.slice/container-[0-9a-f]{12}.scope$`),
      );
      assertEquals(
        await show(scope.unit),
        `ActiveState=active ControlGroup=${
          path.slice(TOP.length)
        } Delegate=yes Slice=system.slice`,
      );
      const count = (group: string) =>
        Deno.readTextFileSync(`${path}/${group}/cgroup.procs`).split("\n")
          .filter(Boolean).length;
      // The process that holds the scope open, and our program where it is PID
      // 1.
      assertEquals(count("container"), mode.init ? 2 : 1);
      assertEquals(count("command"), 1);
      // systemd writes its own values again.
      const { status } = await execute(["systemctl", "daemon-reload"]);
      assertEquals(status, 0);
      assertEquals(Deno.readTextFileSync(`${path}/command/pids.max`), "9\n");
    });
    assertEquals(exists(path), false, "the scope was left behind");
  },
  { skip },
);

testBoth(
  "systemd: limits take effect, and an out-of-memory kill is reported",
  async (mode) => {
    const forks = await shell(
      mode,
      "--pids-limit 3",
      "for i in 1 2 3 4 5; do sleep 3 & done; exit 0",
    );
    assertMatch(forks.stderr, /can't fork/);
    const { status, stderr } = await shell(
      mode,
      "-m 16m --memory-swap 16m",
      `x=$(head -c ${30 << 20} /dev/zero | tr '\\0' a)`,
    );
    assertEquals(status, 137, stderr);
    assertMatch(stderr, /^container: Out of memory: .*limit of 16 MiB/m);
  },
  { skip },
);

testBoth("systemd: --cgroup-parent sets the slice", async (mode) => {
  await whileWaiting(
    mode,
    ["--cgroup-parent", "test-part.slice", "--pids-limit", "9"],
    async (parent) => {
      const { unit, path } = scopeOf(parent);
      assertEquals(path, `${TOP}/test.slice/test-part.slice/${unit}`);
      assertMatch(await show(unit), /Slice=test-part.slice$/);
    },
  );
  await execute(["systemctl", "stop", "test-part.slice", "test.slice"]);
}, { skip });

testBoth("systemd: killing the parent leaves no scope", async (mode) => {
  const session = mode.startRun(
    "-m",
    "64m",
    "sh",
    "-c",
    "echo ready; sleep 1000",
  );
  await session.expect(/ready\n/);
  const { path } = scopeOf(session.pid);
  session.kill("SIGKILL");
  await session.end();
  await until("the scope is gone", () => !exists(path));
}, { skip });

testBoth("systemd: systemctl stop ends the container", async (mode) => {
  const session = mode.startRun(
    "-m",
    "64m",
    "sh",
    "-c",
    "trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done",
  );
  await session.expect(/ready\n/);
  const { unit, path } = scopeOf(session.pid);
  assertEquals((await execute(["systemctl", "stop", unit])).status, 0);
  assertEquals(await session.end(), 7);
  assertEquals(exists(path), false);
}, { skip });
