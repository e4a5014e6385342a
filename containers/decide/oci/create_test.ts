/** decideCreate() and decideExec(), for machines that exist only in memory. */
// @ts-types="../../../types/std_assert.d.ts"
import { assert, assertEquals, assertRejects } from "@std/assert";
import { compile } from "../../../plan/compile.ts";
import { compileExec } from "../../../plan/exec.ts";
import { asText, minimal, runcLike } from "../../../spec/_config_fixture.ts";
import { ContainerError, SpecError, UsageError } from "../../../spec/errors.ts";
import { logged, ReadLog } from "../../world/log.ts";
import { THIS_MACHINE } from "../../world/real_world.ts";
import { replayed } from "../../world/_replay_fixture.ts";
import type { World } from "../../world/world.ts";
import { type MadeUpMachine, madeUpWorld } from "../../world/made_up.ts";
import { requesterIn } from "../requester.ts";
import { readBundle } from "./bundle.ts";
import { type CreateRequest, decideCreate } from "./create.ts";
import { decideExec, type ExecRequest, type Joinable } from "./exec.ts";

type Config = ReturnType<typeof minimal>;

/** Decides for a bundle at /srv/web. */
function decide(
  change: (config: Config) => void = () => {},
  { files, ...machine }: MadeUpMachine = {},
  more: Partial<CreateRequest> = {},
) {
  const config = minimal();
  change(config);
  const requester = requesterIn(madeUpWorld({
    files: {
      "/srv/web/config.json": asText(config),
      "/srv/web/rootfs/etc/passwd": "web:x:33:34::/home/web:/bin/sh\n",
      ...files,
    },
    ...machine,
  }));
  const { spec } = readBundle("/srv/web", requester);
  return decideCreate({
    id: "one",
    config: spec,
    directory: "/run/c/one",
    sendsTerminal: false,
    cgroups: "cgroupfs",
    ...more,
  }, requester);
}

Deno.test("decideCreate() has the process wait, and outlive the creating command", async () => {
  const { facts, cgroup, leftOut } = await decide();
  assertEquals([facts.waits, facts.outlives, facts.init], [true, true, false]);
  assertEquals([facts.makesDirectory, facts.nodesInRoot, facts.anyCpu], [
    ...[true, true, true],
  ]);
  assertEquals(cgroup?.groups.length, 1);
  assertEquals(leftOut, []);
});

Deno.test("decideCreate() does not change the configuration that it reads", async () => {
  const config = Object.freeze(minimal());
  const requester = requesterIn(madeUpWorld({
    files: {
      "/srv/web/config.json": asText(config),
      "/srv/web/rootfs/etc/passwd": "",
    },
  }));
  const { spec } = readBundle("/srv/web", requester);
  const before = structuredClone(spec);
  await decideCreate({
    id: "one",
    config: spec,
    directory: "/run/c/one",
    sendsTerminal: true,
    notifies: true,
    preserveFds: 2,
    cgroups: "none",
  }, requester);
  assertEquals(spec, before);
});

Deno.test("decideCreate() gives a configuration without a umask the usual one", async () => {
  assertEquals((await decide()).spec.process.user.umask, 0o022);
  const { spec } = await decide(({ process }) => {
    Object.assign(process, { user: { uid: 0, gid: 0, umask: 0 } });
  });
  assertEquals(spec.process.user.umask, 0);
});

Deno.test("decideCreate() finds HOME only if the configuration has none", async () => {
  const asWeb = ({ process }: Config) => {
    Object.assign(process, { user: { uid: 33, gid: 34 }, env: ["HOME="] });
  };
  assertEquals((await decide(asWeb)).facts.home, "/home/web");
  const { facts } = await decide(({ process }) => {
    Object.assign(process, { env: ["HOME=/x"] });
  });
  assertEquals(facts.home, undefined);
});

Deno.test("decideCreate() gives a tmpfs the permissions of the directory that it covers", async () => {
  const mounts = [{
    destination: "/tmp",
    type: "tmpfs",
    source: "tmpfs",
    options: ["tmpcopyup"],
  }];
  const change = (config: Config) => Object.assign(config, { mounts });
  const optionsOf = async (files: MadeUpMachine["files"]) =>
    (await decide(change, { files })).spec.mounts?.[0]?.options;
  assertEquals(await optionsOf({}), []);
  assertEquals(
    await optionsOf({
      "/srv/web/rootfs/tmp": { type: "directory", mode: 0o1777 },
    }),
    ["mode=1777"],
  );
  assertEquals(
    await optionsOf({ "/srv/web/rootfs/tmp/file": "" }),
    ["tmpcopyup", "mode=0755"],
  );
});

Deno.test("decideCreate() mounts the directory of the socket for sd_notify(3)", async () => {
  const { spec } = await decide(undefined, {}, { notifies: true });
  assertEquals(spec.mounts?.at(-1)?.source, "/run/c/one/notify");
  assert(
    spec.process.env.includes("NOTIFY_SOCKET=/run/notify/notify.sock"),
  );
});

Deno.test("decideCreate() refuses a mount label without SELinux", async () => {
  await assertRejects(
    () =>
      decide(({ linux }) => {
        Object.assign(linux, { mountLabel: "system_u:object_r:x" });
      }),
    SpecError,
    "SELinux is not enabled",
  );
});

Deno.test("decideCreate() reports a device that is missing in the host's /dev", async () => {
  const device = { path: "/dev/kvm", type: "c", major: 10, minor: 232 };
  const change = (config: Config) => {
    Object.assign(config, {
      mounts: [{
        destination: "/dev",
        type: "bind",
        source: "/dev",
        options: ["bind"],
      }],
    });
    Object.assign(config.linux, { devices: [device] });
  };
  assertEquals((await decide(change)).leftOut.length, 1);
  const files = {
    "/dev/kvm": { type: "character device", rdev: 10 * 256 + 232 },
  } as const;
  assertEquals((await decide(change, { files })).leftOut, []);
});

Deno.test("decideCreate() of this machine depends on nothing but its log", async () => {
  const path = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(`${path}/rootfs/tmp`, { recursive: true });
    await Deno.writeTextFile(`${path}/rootfs/tmp/file`, "");
    await Deno.writeTextFile(`${path}/config.json`, asText(runcLike()));
    const planIn = async (world: World) => {
      const requester = requesterIn(world);
      const { spec: config } = readBundle(path, requester);
      const { spec, facts } = await decideCreate({
        id: "one",
        config,
        directory: "/run/c/one",
        sendsTerminal: true,
        cgroups: "cgroupfs",
      }, requester);
      return compile(spec, facts);
    };
    const log = new ReadLog();
    const real = await planIn(logged(THIS_MACHINE, log));
    assertEquals(await planIn(replayed(log.reads)), real);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});

const PLACE = "/proc/self/fd/9";

/** The container to join: its first process is in other namespaces. */
const JOINED: MadeUpMachine["files"] = Object.fromEntries([
  ...["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"].flatMap((name) => [
    [`/proc/self/ns/${name}`, { to: `${name}:[1]` }],
    [`${PLACE}/ns/${name}`, { to: `${name}:[${name === "user" ? 1 : 2}]` }],
  ]),
  [`${PLACE}/cgroup`, "0::/one\n"],
  [`${PLACE}/setgroups`, "deny\n"],
  [`${PLACE}/root/etc/passwd`, "web:x:33:34::/home/web:/bin/sh\n"],
  ["/sys/fs/cgroup/one/cgroup.procs", ""],
  ["/sys/fs/cgroup/one/below/cgroup.procs", ""],
]);

async function join(
  request: Partial<ExecRequest> = {},
  container: Partial<Joinable> = {},
  { files, ...machine }: MadeUpMachine = {},
) {
  const { spec } = await decide();
  return decideExec(
    {
      process: ({ process }) => ({ ...process, args: ["ls"] }),
      detach: false,
      sendsTerminal: false,
      takesSize: true,
      preserveFds: 0,
      cgroups: [],
      ...request,
    },
    {
      pid: 4711,
      place: PLACE,
      config: spec,
      chroot: false,
      cgroup: {
        id: "one",
        groups: [{ version: 2, path: "/sys/fs/cgroup/one", controllers: [] }],
      },
      ...container,
    },
    requesterIn(madeUpWorld({ files: { ...JOINED, ...files }, ...machine })),
  );
}

Deno.test("decideExec() joins the namespaces that differ, and the cgroup", async () => {
  const { spec, facts, joined } = await join();
  assertEquals(joined, {
    pid: 4711,
    namespaces: ["pid", "mount", "network", "ipc", "uts", "cgroup"],
    root: false,
  });
  assertEquals(facts.cgroupEntry?.directory, "/sys/fs/cgroup/one");
  // setgroups(2) is denied in the user namespace, which is not entered.
  assertEquals([facts.joins, facts.denySetgroups], [true, false]);
  const plan = compileExec(spec, facts, joined);
  assert(plan.launch.some(({ step }) => step === "joinProcess"));
  assertEquals(JSON.parse(JSON.stringify(plan)), plan);
});

Deno.test("decideExec() obeys a user namespace that denies setgroups(2)", async () => {
  const files = { [`${PLACE}/ns/user`]: { to: "user:[2]" } };
  assertEquals((await join({}, {}, { files })).facts.denySetgroups, true);
});

Deno.test("decideExec() looks accounts up in the running container", async () => {
  const { facts } = await join({
    process: ({ process }) => ({
      ...process,
      env: [],
      user: { uid: 33, gid: 34 },
    }),
  });
  assertEquals(facts.home, "/home/web");
});

Deno.test("decideExec() joins a cgroup below the container's only if it exists", async () => {
  const { facts } = await join({ cgroups: ["below"] });
  assertEquals(facts.cgroupEntry?.directory, "/sys/fs/cgroup/one/below");
  await assertRejects(
    () => join({ cgroups: ["missing"] }),
    ContainerError,
    "no such file",
  );
});

Deno.test("decideExec() refuses files as streams of a process in the background", async () => {
  const machine: MadeUpMachine = { streams: ["null", "file", "null"] };
  const made = { command: ["sh"] };
  await assertRejects(
    () => join({ detach: true }, { made }, machine),
    UsageError,
    "is a file of the host",
  );
  const { facts } = await join({ detach: true }, {}, machine);
  assertEquals([facts.outlives, facts.relayedStreams], [true, []]);
});
