/**
 * Every command of an OCI runtime for ordinary users, without and with
 * subordinate ids. The tests of bundles, hooks and exec can run for them as
 * well: see _owner.ts.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import type { Config } from "../_config.ts";
import { bury, detached, exec, isGone, prints, SLEEP } from "../_exec.ts";
import {
  execute,
  shellLine,
  startTerminal,
  test,
  until,
  without,
} from "../_harness.ts";
import type { OwnerName } from "../_owner.ts";
import { Session } from "../_session.ts";

const SKIP = without("setpriv") ?? without("unshare") ?? without("nsenter");

function testUsers(
  name: string,
  fn: (as: OwnerName) => Promise<void>,
): void {
  const users = {
    "user": SKIP,
    "user with subordinate ids": SKIP ?? without("newuidmap"),
  } as const;
  for (const [as, skip] of Object.entries(users)) {
    test(`rootless: ${name} (${as})`, () => fn(as as OwnerName), { skip });
  }
}

/** Whether the owner has more than one id. */
const manyIds = ({ owner }: Bundle) => owner.name !== "user";

testUsers(
  "a created container can be joined, and ends like any other",
  async (as) => {
    await using bundle = await Bundle.make(SLEEP, (config) => {
      if (as === "user") return;
      // Then its waiting process belongs to another user than root inside.
      (config.process as Config["process"] & { user: unknown }).user = {
        uid: 5,
        gid: 6,
      };
    }, as);
    const user = manyIds(bundle) ? "5 6" : "0 0";
    await bundle.create("one");
    assertEquals(await bundle.status("one"), "created");
    const { pid } = JSON.parse(await bundle.does("state", "one"));
    const numbers = async () =>
      JSON.parse(await bundle.does("ps", "--format", "json", "one"));
    assertEquals(await numbers(), [pid]);
    assertEquals(
      await prints(
        bundle,
        "echo $(id -u) $(id -g); readlink /proc/1/fd/0 || echo closed",
      ),
      `${user}\nclosed`,
    );
    const file = `${bundle.dir.path}/second`;
    const flags = ["--pid-file", file];
    const { status, stderr } = await detached(bundle, flags, SLEEP);
    assertEquals([status, stderr], [0, ""]);
    const second = Number(await Deno.readTextFile(file));
    using _grave = bury(second);
    assertEquals(await numbers(), [pid, second]);
    const env = Object.entries(bundle.owner.env)
      .map(([key, value]) => `${key}=${value}`);
    const line = shellLine(
      ["env", ...env, ...bundle.words("exec", "-t", "one", "tty")],
    );
    await using terminal = startTerminal(line);
    await terminal.expect(/\/dev\/pts\/\d+\r\n/);
    await bundle.does("start", "one");
    assertEquals(await prints(bundle, "id -u"), user.split(" ")[0]);
    for (const command of [["pause"], ["update", "--memory", "100000000"]]) {
      const refused = await bundle.call(
        command[0]!,
        ...command.slice(1),
        "one",
      );
      assertEquals(refused.status, 125);
      assertStringIncludes(
        refused.stderr,
        `Cannot ${command[0]} one: it does not have its own cgroup. Start it`,
      );
      assertStringIncludes(refused.stderr, "Without root it requires");
    }
    assertEquals(
      JSON.parse(await bundle.does("events", "--stats", "one")).type,
      "stats",
    );
    await bundle.does("kill", "--all", "one", "KILL");
    await until("all of it has ended", () => isGone(pid) && isGone(second));
    await bundle.does("delete", "--force", "one");
    assertEquals(await bundle.does("list", "--quiet"), "");
  },
);

testUsers("hooks of every kind run in their namespaces", async (as) => {
  const names = ["createRuntime", "createContainer", "poststart", "poststop"];
  const script = "cat >/dev/null; id -u; readlink /proc/self/ns/net; pwd";
  const shell = (script: string) => [{
    path: "/bin/sh",
    args: ["sh", "-c", script],
  }];
  await using bundle = await Bundle.make(
    ["sh", "-c", "id -u; exit 3"],
    (config) => {
      const { root } = config as Config & { root: { readonly: boolean } };
      root.readonly = false;
      config.hooks = {
        // In the mount namespace of the waiting process, by its number, like
        // other programs' hooks.
        prestart: shell(
          "pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); join='nsenter -U --preserve-credentials -m -t'; " +
            "$join $pid mount -t tmpfs none $PWD/rootfs/mnt && $join $pid touch $PWD/rootfs/mnt/made",
        ),
        ...Object.fromEntries(
          names.map((name) => [name, shell(`{ ${script}; } >$BUNDLE/${name}`)]),
        ),
        startContainer: shell(`{ ${script}; ls /mnt; } >/started`),
      };
    },
    as,
  );
  const { path } = bundle.dir;
  await Deno.mkdir(`${path}/rootfs/mnt`, { recursive: true });
  await bundle.give();
  const { status, stdout, stderr } = await bundle.execute(
    bundle.words("run", "--bundle", path, "one"),
    { env: { BUNDLE: path } },
  );
  assertEquals([status, stdout, stderr], [3, "0\n", ""]);
  const lines = async (name: string) =>
    (await Deno.readTextFile(`${path}/${name}`)).trim().split("\n");
  const outside = await Deno.readLink("/proc/self/ns/net");
  for (const name of names.filter((name) => name !== "createContainer")) {
    assertEquals(
      await lines(name),
      [`${bundle.owner.uid}`, outside, path],
      name,
    );
  }
  const [created, network, where] = await lines("createContainer");
  assertEquals([created, where], ["0", `${path}/rootfs`]);
  assert(network !== outside);
  assertEquals(await lines("rootfs/started"), ["0", network, "/", "made"]);
  assertEquals(await bundle.does("list", "--quiet"), "");
});

/** Starts a process that keeps namespaces of its own open. */
async function holdNamespaces(
  before: readonly string[],
  flags: readonly string[],
): Promise<{ pid: number } & AsyncDisposable> {
  const session = new Session([
    ...[...before, "unshare", ...flags],
    ...["sh", "-c", "echo pid $$; exec sleep 1000"],
  ]);
  const [, pid] = await session.expect(/pid (\d+)\n/);
  return {
    pid: Number(pid),
    async [Symbol.asyncDispose]() {
      session.kill("SIGKILL");
      await session.status;
    },
  };
}

const joining = (path: string) => (config: Config) => {
  const namespaces = config.linux.namespaces as {
    type: string;
    path?: string;
  }[];
  namespaces.find(({ type }) => type === "user")!.path = path;
  delete config.linux.uidMappings;
  delete config.linux.gidMappings;
};

test(
  "rootless: a user namespace with fixed groups can be joined",
  async () => {
    await using nobody = await Bundle.make(["true"], () => {}, "user");
    const { before } = nobody.owner;
    await using held = await holdNamespaces(before, ["-U", "-r"]);
    await using bundle = await Bundle.make(
      ["id", "-u"],
      joining(`/proc/${held.pid}/ns/user`),
      "user",
    );
    const { status, stdout, stderr } = await bundle.call(
      ...["run", "--bundle", bundle.dir.path, "one"],
    );
    assertEquals([status, stdout, stderr], [0, "0\n", ""]);
  },
  { skip: SKIP },
);

test(
  "a user namespace with fixed groups can be joined through a bind mount of it",
  async () => {
    await using held = await holdNamespaces([], ["-U", "-r"]);
    await using bundle = await Bundle.make([
      "sh",
      "-c",
      "id -u; cat /proc/self/setgroups",
    ], (config) => {
      const namespaces = config.linux.namespaces as { type: string }[];
      namespaces.push({ type: "user" });
      delete config.linux.resources;
      for (const mount of config.mounts) {
        mount.options = mount.options?.filter((option) => option !== "gid=5");
      }
      joining("/proc/self/mounted")(config);
    });
    const mounted = `${bundle.dir.path}/user`;
    await Deno.writeTextFile(mounted, "");
    const file = `${bundle.dir.path}/config.json`;
    await Deno.writeTextFile(
      file,
      (await Deno.readTextFile(file)).replace("/proc/self/mounted", mounted),
    );
    const mount = await execute(
      ["mount", "--bind", `/proc/${held.pid}/ns/user`, mounted],
    );
    assertEquals([mount.status, mount.stderr], [0, ""]);
    try {
      const { status, stdout, stderr } = await bundle.call(
        ...["run", "--bundle", bundle.dir.path, "one"],
      );
      assertEquals([status, stdout, stderr], [0, "0\ndeny\n", ""]);
      assert((await exec(bundle, ["one", "true"])).status);
    } finally {
      await execute(["umount", mounted]);
    }
  },
  { skip: SKIP },
);
