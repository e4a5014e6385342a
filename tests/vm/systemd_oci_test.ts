// deno-lint-ignore-file no-sync-fn-in-async-fn -- the tests run one at a time
/**
 * `--systemd-cgroup`, as engines pass it with systemd as PID 1, and containers
 * in the background there. `deno task test:vm --systemd` runs this in a machine
 * of its own.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import type { Config } from "../_config.ts";
import { Daily } from "../_daily.ts";
import { CONTAINER, execute, test, until } from "../_harness.ts";
import { exists } from "./_limited.ts";

const skip = Deno.env.has("CONTAINER_VM") && exists("/run/systemd/system")
  ? null
  : "only with systemd in a virtual machine, see deno task test:vm --systemd";

const TOP = "/sys/fs/cgroup";

async function properties(unit: string, ...names: string[]) {
  const { stdout } = await execute([
    ...["systemctl", "show", `--property=${names.join(",")}`, unit],
  ]);
  return Object.fromEntries(
    stdout.trim().split("\n").map((line) => line.split(/=(.*)/)),
  );
}

async function placed(
  name: string,
  change: (config: Config) => void = () => {},
): Promise<{ bundle: Bundle; unit: string; path: string } & AsyncDisposable> {
  const bundle = await Bundle.make(["sleep", "1000"], (config) => {
    config.linux.cgroupsPath = `test.slice:engine:${name}`;
    change(config);
  });
  bundle.globals = ["--systemd-cgroup"];
  const unit = `engine-${name}.scope`;
  return {
    ...{ bundle, unit, path: `${TOP}/test.slice/${unit}` },
    async [Symbol.asyncDispose]() {
      await bundle[Symbol.asyncDispose]();
      await execute(["systemctl", "stop", "test.slice"]);
    },
  };
}

async function create(bundle: Bundle): Promise<void> {
  await bundle.create("one");
  await bundle.does("start", "one");
}

/** The weight of the container's own cgroup, to compare with that of its unit. */
const weight = (path: string) =>
  Deno.readTextFileSync(`${path}/command/cpu.weight`).trim();

test(
  "systemd: an engine's container is in the unit that it names",
  async () => {
    await using one = await placed("a", (config) => {
      config.linux.resources = {
        cpu: { shares: 512 },
        memory: { limit: 64 << 20, reservation: 32 << 20 },
        pids: { limit: 33 },
      };
      Object.assign(config, {
        annotations: {
          "org.systemd.property.TimeoutStopUSec": "uint64 7000000",
        },
      });
    });
    const { bundle, unit, path } = one;
    await create(bundle);
    const names = [
      ...["Slice", "Delegate", "DefaultDependencies", "CPUWeight"],
      ...["MemoryLow", "TasksMax", "TimeoutStopUSec"],
    ];
    assertEquals(await properties(unit, ...names), {
      Slice: "test.slice",
      Delegate: "yes",
      DefaultDependencies: "no",
      CPUWeight: weight(path),
      MemoryLow: String(32 << 20),
      TasksMax: "infinity",
      TimeoutStopUSec: "7s",
    });
    assertEquals(
      Deno.readTextFileSync(`${path}/command/memory.max`).trim(),
      String(64 << 20),
    );
    await bundle.does("update", "--cpu-share", "2048", "one");
    await bundle.does("update", "--pids-limit", "44", "one");
    await execute(["systemctl", "daemon-reload"]);
    assertEquals(await properties(unit, "CPUWeight"), {
      CPUWeight: weight(path),
    });
    assertEquals(
      Deno.readTextFileSync(`${path}/cpu.weight`).trim(),
      weight(path),
    );
    assert(Number(weight(path)) > 100, "more than others");
    assertEquals(Deno.readTextFileSync(`${path}/command/pids.max`), "44\n");
    await bundle.does("delete", "--force", "one");
    await until("the scope is gone", () => !exists(path));
  },
  { skip },
);

test(
  "systemd: an ending or failed unit of the same name does no harm",
  async () => {
    await using one = await placed("b");
    const { bundle, unit, path } = one;
    for (let round = 0; round < 3; round++) {
      await create(bundle);
      await bundle.does("delete", "--force", "one");
    }
    await execute([
      ...[
        "systemd-run",
        "--scope",
        `--unit=${unit}`,
        "--property=RuntimeMaxSec=1",
      ],
      ...["sleep", "100"],
    ]);
    await create(bundle);
    await bundle.does("delete", "--force", "one");
    await until("the scope is gone", () => !exists(path));
  },
  { skip },
);

test(
  "systemd: a limit enables a controller that systemd does not know",
  async () => {
    const top = Deno.readTextFileSync(`${TOP}/cgroup.controllers`).split(/\s+/);
    assert(top.includes("hugetlb"), "this kernel has huge pages");
    await using one = await placed("c");
    await create(one.bundle);
    const enabled = () =>
      Deno.readTextFileSync(`${one.path}/cgroup.subtree_control`);
    assertMatch(enabled(), /\bmemory\b/);
    assert(!enabled().includes("hugetlb"), enabled());
    await one.bundle.does("delete", "--force", "one");
    await using two = await placed("d", (config) => {
      config.linux.resources = {
        hugepageLimits: [{ pageSize: "2MB", limit: 4 << 20 }],
      };
    });
    await create(two.bundle);
    assertEquals(
      Deno.readTextFileSync(`${two.path}/command/hugetlb.2MB.max`).trim(),
      String(4 << 20),
    );
    await two.bundle.does("delete", "--force", "one");
  },
  { skip },
);

test("systemd: a container in the background has a unit as well", async () => {
  await using daily = new Daily();
  const id = await daily.run(
    "--name",
    "one",
    "--cpu-shares",
    "512",
    "sleep",
    "9",
  );
  const unit = `container-${id}.scope`;
  const path = `${TOP}/system.slice/${unit}`;
  assertEquals(await properties(unit, "ActiveState", "CPUWeight"), {
    ActiveState: "active",
    CPUWeight: weight(path),
  });
  assert(exists(`${path}/command`));
  await daily.does("restart", "-t", "0", "one");
  assertEquals(await properties(unit, "ActiveState"), {
    ActiveState: "active",
  });
  await daily.does("rm", "-f", "one");
  await until("the scope is gone", () => !exists(path));
}, { skip });

const USER = 1000;
const HOME = `${TOP}/user.slice/user-${USER}.slice/user@${USER}.service`;

const PLACE = `${HOME}/test`;

/** Starts a user's manager, as pam_systemd(8) does. */
async function startUserManager(): Promise<void> {
  const runtime = `/run/user/${USER}`;
  Deno.mkdirSync(runtime, { recursive: true });
  Deno.chownSync(runtime, USER, USER);
  Deno.writeTextFileSync(
    "/run/systemd/system/user@.service",
    `[Service]
User=${USER}
Type=notify
Delegate=pids memory
Slice=user-${USER}.slice
Environment=XDG_RUNTIME_DIR=${runtime} SYSTEMD_UNIT_PATH=/run/units
ExecStart=/usr/lib/systemd/systemd --user --unit=any.target
TimeoutStopSec=1
`,
  );
  Deno.mkdirSync("/run/units", { recursive: true });
  Deno.writeTextFileSync("/run/units/any.target", "[Unit]\nWants=user.slice\n");
  await execute(["systemctl", "daemon-reload"]);
  const unit = `user@${USER}.service`;
  const { status, stderr } = await execute(["systemctl", "start", unit]);
  assertEquals([status, stderr], [0, ""]);
  Deno.mkdirSync(PLACE);
  Deno.chownSync(PLACE, USER, USER);
}

// Its slices and mounts exist before the first test and stay, since the machine
// ends after the last one.
if (!skip) await startUserManager();

/** Runs a command as that user, in a cgroup of the manager. */
async function asUser(...words: string[]) {
  return await execute([
    ...["sh", "-c", `echo 0 >${PLACE}/cgroup.procs; exec "$@"`, "sh"],
    ...[
      "/usr/bin/setpriv",
      `--reuid=${USER}`,
      `--regid=${USER}`,
      "--clear-groups",
    ],
    ...words,
  ]);
}

test("systemd: an ordinary user has units of his own manager", async () => {
  await using one = await placed("user", (config) => {
    config.linux.cgroupsPath = "user.slice:engine:user";
    config.linux.namespaces = [
      // In a cgroup namespace of its own it would not see where it is.
      ...(config.linux.namespaces as { type: string }[])
        .filter(({ type }) => type !== "cgroup"),
      { type: "user" },
    ];
    const own = [{ containerID: 0, hostID: USER, size: 1 }];
    config.linux.uidMappings = own;
    config.linux.gidMappings = own;
    config.linux.resources = { pids: { limit: 33 } };
    config.process.args = ["cat", "/proc/self/cgroup"];
    // No other group exists that could own the terminals.
    for (const mount of config.mounts) {
      mount.options = mount.options?.filter((option) => option !== "gid=5");
    }
  });
  const { dir } = one.bundle;
  await execute(["chown", "-R", `${USER}:${USER}`, dir.path]);
  const { status, stdout, stderr } = await asUser(
    ...[...CONTAINER, "--root", `${dir.path}/state`, "--systemd-cgroup"],
    ...["run", "--bundle", dir.path, "one"],
  );
  assertEquals([status, stderr], [0, ""]);
  assertEquals(
    stdout,
    `0::/user.slice/user-${USER}.slice/user@${USER}.service/user.slice/engine-user.scope/command\n`,
  );
  await until(
    "the scope is gone",
    () => !exists(`${HOME}/user.slice/engine-user.scope`),
  );
}, { skip });
