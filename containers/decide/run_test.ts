/** decideRun(): decisions for machines that exist only in memory. */
// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertRejects } from "@std/assert";
import { compile } from "../../plan/compile.ts";
import { SpecError, UsageError } from "../../spec/errors.ts";
import { logged, ReadLog } from "../world/log.ts";
import { type MadeUpMachine, madeUpWorld } from "../world/made_up.ts";
import { THIS_MACHINE } from "../world/real_world.ts";
import { replayed } from "../world/_replay_fixture.ts";
import type { ContainerOptions } from "./options.ts";
import { requesterIn } from "./requester.ts";
import { decideRun, type RunRequest } from "./run.ts";

const ROOTFS = {
  "/srv/fs/etc/passwd":
    "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n",
  "/srv/fs/etc/group": "root:x:0:\nweb:x:34:\nlog:x:40:web\n",
  "/srv/fs/etc/hostname": "image\n",
  "/srv/fs/bin/sh": { mode: 0o755 },
};

/** Decides on a machine with a root filesystem at /srv/fs. */
const decide = (
  options: Partial<ContainerOptions> = {},
  { files, ...machine }: MadeUpMachine = {},
  more: Partial<RunRequest> = {},
) =>
  decideRun(
    {
      options: { command: ["sh"], ...options },
      rootfs: "/srv/fs",
      id: "one",
      ...more,
    },
    requesterIn(madeUpWorld({ files: { ...ROOTFS, ...files }, ...machine })),
  );

const USER: MadeUpMachine = { ids: { uid: 1000, gid: 1000 } };

/** Root of a user namespace, as in rootless podman. */
const NESTED: MadeUpMachine = { idMap: "0 1000 1\n1 100000 65536\n" };

/** The hierarchies of cgroup v1, two of them. */
const V1: MadeUpMachine = {
  files: {
    "/proc/self/cgroup": "2:memory:/us\n1:cpu,cpuacct:/us\n",
    "/proc/self/mountinfo": `20 1 8:1 / / rw - ext4 /dev/sda1 rw
30 20 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
31 20 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
`,
    "/sys/fs/cgroup/memory/us/cgroup.procs": "",
    "/sys/fs/cgroup/memory/us/tasks": "",
    "/sys/fs/cgroup/cpu/us/cgroup.procs": "",
    "/sys/fs/cgroup/cpu/us/tasks": "",
  },
};

Deno.test("decideRun() gives root a container without a user namespace", async () => {
  const { spec, facts, cgroup, leftOut } = await decide();
  assertEquals(leftOut, []);
  assertEquals(cgroup, null);
  assertEquals(spec.linux.namespaces.map(({ type }) => type), [
    ...["pid", "mount", "uts", "ipc", "network", "cgroup"],
  ]);
  assertEquals(facts.bindDevices, false);
  assertEquals(facts.rootless, false);
  assertEquals(facts.seccomp?.profile, "default");
  assertEquals([facts.waits, facts.outlives, facts.joins], [
    ...[false, false, false],
  ]);
  // The root filesystem has no /etc/hosts.
  assertEquals(
    spec.mounts?.flatMap(({ type, destination }) =>
      type === "memory-file" ? [destination] : []
    ),
    ["/etc/hostname"],
  );
});

Deno.test("decideRun() gives a user a user namespace with the user's own id", async () => {
  const { spec, facts, leftOut } = await decide({}, USER);
  assertEquals(spec.linux.uidMappings, [
    { containerID: 0, hostID: 1000, size: 1 },
  ]);
  assertEquals([facts.rootless, facts.bindDevices, facts.denySetgroups], [
    ...[true, true, true],
  ]);
  assertEquals(leftOut.length, 1);
  await assertRejects(
    () => decide({ userNamespace: "host" }, USER),
    SpecError,
    "not root",
  );
});

Deno.test("decideRun() maps the ranges of subuid(5) if newuidmap is there", async () => {
  const files = {
    "/etc/passwd": "me:x:1000:1000::/home/me:/bin/sh\n",
    "/etc/subuid": "me:100000:65536\n",
    "/etc/subgid": "me:200000:65536\n",
  };
  const auto = { userNamespace: "auto" } as const;
  const without = await decide(auto, { ...USER, files });
  assertEquals(without.spec.linux.uidMappings?.length, 1);
  const helper = { "/usr/bin/newuidmap": "" };
  const { spec, facts } = await decide(auto, {
    ...USER,
    files: { ...files, ...helper },
  });
  assertEquals(spec.linux.gidMappings?.[1], {
    containerID: 1,
    hostID: 200000,
    size: 65536,
  });
  assertEquals([facts.mapHelper, facts.denySetgroups], [true, false]);
});

Deno.test("decideRun() finds out where root of a user namespace may do less", async () => {
  const { facts, spec } = await decide({}, NESTED);
  assertEquals([facts.bindDevices, facts.bindCgroups], [true, true]);
  assertEquals(
    spec.linux.namespaces.some(({ type }) => type === "user"),
    false,
  );
  assertEquals(facts.denySetgroups, false);
  const files = { "/proc/self/setgroups": "deny\n" };
  assertEquals(
    (await decide({}, { ...NESTED, files })).facts.denySetgroups,
    true,
  );
});

Deno.test("decideRun() plans limits in cgroup v2, in cgroup v1, and refuses without cgroups", async () => {
  const limited = { resources: { memory: { limit: 1 << 26 } } };
  const unified = await decide(limited);
  assertEquals(unified.cgroup?.groups.map(({ path }) => path), [
    "/sys/fs/cgroup/container-one",
  ]);
  assertEquals(unified.facts.cgroups, { version: 2 });
  const { cgroup, facts } = await decide(limited, V1);
  assertEquals(cgroup?.groups.map(({ path }) => path), [
    "/sys/fs/cgroup/memory/us/container-one",
  ]);
  assertEquals(facts.cgroups?.version, 1);
  const none = {
    "/proc/self/cgroup": "",
    "/proc/self/mountinfo": "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n",
  };
  assertEquals((await decide({}, { files: none })).facts.cgroups, null);
  await assertRejects(() => decide(limited, { files: none }), Error, "memory");
});

Deno.test("decideRun() gives a container in the background a cgroup, a terminal size and a wait", async () => {
  const { spec, facts, cgroup } = await decide(
    { tty: true, init: false },
    {},
    { background: true },
  );
  assert(cgroup);
  assertEquals(spec.process.consoleSize, { height: 24, width: 80 });
  assertEquals([facts.waits, facts.outlives], [true, true]);
});

Deno.test("decideRun() resolves users and groups in the root filesystem", async () => {
  const { spec } = await decide({ user: "web" });
  assertEquals(spec.process.user, {
    uid: 33,
    gid: 34,
    additionalGids: [34, 40],
  });
  assert(spec.process.env.includes("HOME=/srv"));
  await assertRejects(() => decide({ user: "nobody" }), SpecError, "nobody");
});

Deno.test("decideRun() lets a read-only root filesystem have read-only files", async () => {
  const { spec } = await decide({ readonly: true });
  assertEquals(spec.root.readonly, true);
  const file = spec.mounts?.find(({ type }) => type === "memory-file");
  assert(file?.options?.includes("ro"));
});

Deno.test("decideRun() recognizes an image file by its content", async () => {
  const files = { "/srv/image": { text: "hsqs" } };
  const images = {
    "/srv/image": { passwd: "web:x:33:34::/srv:/bin/sh\n", group: null },
  };
  const inImage = { rootfs: "/srv/image" };
  const { facts, spec } = await decide(
    { user: "web" },
    { files, images },
    inImage,
  );
  assertEquals(facts.rootKind, "image");
  assertEquals(facts.image, {
    image: "/srv/image",
    type: "squashfs",
    readonly: true,
  });
  assertEquals(spec.process.user.uid, 33);
  await assertRejects(
    () => decide({}, { files, ...USER }, inImage),
    SpecError,
    "not root",
  );
  await assertRejects(
    () => decide({}, { files: { "/srv/image": "something" } }, inImage),
    Error,
    "neither a directory nor",
  );
});

Deno.test("decideRun() gives a container a terminal if its user sits at one", async () => {
  const streams = ["terminal", "terminal", "file"] as const;
  const terminalSize = { height: 40, width: 100 };
  const terminalSettings = {
    input: 0o42400,
    output: 5,
    control: 0o277,
    local: 0o105073,
    characters: [3],
  };
  const { spec, facts } = await decide({}, {
    streams,
    terminalSize,
    terminalSettings,
  });
  assertEquals(facts.terminalSettings, terminalSettings);
  assertEquals(spec.process.terminal, true);
  assertEquals(spec.process.consoleSize, terminalSize);
  // Standard error is redirected, so the terminal does not replace it.
  assertEquals(facts.terminalStreams, [0, 1]);
  assertEquals(facts.relayedStreams, [{ descriptors: [2] }]);
  const pager = await decide({}, { streams: ["terminal", "pipe", "pipe"] });
  assertEquals(pager.spec.process.terminal, false);
  assertEquals(pager.facts.foreground, false);
  assertEquals("terminalSettings" in pager.facts, false);
});

Deno.test("decideRun() follows links of mountpoints that lead to nothing yet", async () => {
  const files = { "/srv/fs/var/run": { to: "/run" } };
  const { facts } = await decide({
    mounts: [{ destination: "/var/run/x", type: "tmpfs", source: "tmpfs" }],
  }, { files });
  assertEquals(facts.places?.ends, { "/var/run/x": "/run/x" });
});

Deno.test("decideRun() names devices by their numbers", async () => {
  const files = {
    "/dev/kvm": { type: "character device", rdev: 10 * 256 + 232 },
  } as const;
  const asked = { devices: [{ source: "/dev/kvm" }] };
  const { spec } = await decide(asked, { files });
  assertEquals(
    spec.linux.devices?.map(({ path, major, minor }) => [path, major, minor]),
    [["/dev/kvm", 10, 232]],
  );
  await assertRejects(() => decide(asked), UsageError, "does not exist");
});

Deno.test("decideRun() uses chroot(2) on the initial ramfs", async () => {
  const machine = { startsInRamfs: true };
  assertEquals((await decide({}, machine)).facts.changeRoot, "chroot");
  assertEquals((await decide()).facts.changeRoot, "pivot_root");
});

Deno.test("decideRun() takes relative paths from the requester's directory", async () => {
  const at = { workingDirectory: "/home/me" };
  const { facts } = await decide({ overlay: "up" }, at);
  const layers = { upper: "/home/me/up/upper", work: "/home/me/up/work" };
  assertEquals(facts.overlay, {
    ...layers,
    missing: ["/home", "/home/me", "/home/me/up", ...Object.values(layers)],
  });
  const files = {
    "/home/me/profile.json": JSON.stringify({
      defaultAction: "SCMP_ACT_ALLOW",
    }),
  };
  const { facts: { seccomp } } = await decide(
    { seccomp: "profile.json" },
    { ...at, files },
  );
  assertEquals(seccomp?.profile, "profile.json");
});

/** Options that together read everything that `run` can read. */
const VARIED: Readonly<Record<string, Partial<ContainerOptions>>> = {
  usual: {},
  user: { user: "daemon", groups: ["0"], userNamespace: "auto" },
  host: {
    namespaces: { network: "host", uts: "host", ipc: "host", pid: "host" },
    dns: { servers: ["1.1.1.1"] },
  },
  devices: { devices: [{ source: "/dev/null" }, { source: "/dev/net" }] },
  mounts: {
    mounts: [
      { destination: "/a", type: "bind", source: "/etc", options: ["bind"] },
      { destination: "/b", type: "tmpfs", source: "tmpfs" },
    ],
  },
  limits: { resources: { pids: { limit: 5 } }, rlimits: [] },
  shown: { hostEnv: true, tty: true, streams: "inherit" },
  ephemeral: { ephemeral: true, userNamespace: "private" },
  landlock: { landlock: { ro: ["/"] } },
};

for (const [name, options] of Object.entries(VARIED)) {
  Deno.test(`decideRun() of this machine depends on nothing but its log: ${name}`, async () => {
    const log = new ReadLog();
    const request: RunRequest = {
      options: { command: ["sh"], ...options },
      rootfs: "/",
      id: "one",
    };
    const planIn = async (world: typeof THIS_MACHINE) => {
      try {
        const { spec, facts } = await decideRun(
          request,
          requesterIn(world, ["inherit", "piped", "inherit"]),
        );
        return compile(spec, facts);
      } catch (error) {
        if (!(error instanceof Error) || error instanceof RangeError) {
          throw error;
        }
        return error.message;
      }
    };
    const real = await planIn(logged(THIS_MACHINE, log));
    assertEquals(await planIn(replayed(log.reads)), real);
    assertEquals(await planIn(THIS_MACHINE), real);
  });
}
