/** The namespaces of a container: flags that share, join and map. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { commandOf, descendants } from "../_host.ts";
import {
  container,
  copyRootfs,
  NO_INIT,
  Nobody,
  run,
  startRun,
  TempDir,
  test,
  testBoth,
  until,
} from "../_harness.ts";
import { Session } from "../_session.ts";

/** Flags, and the names of their namespaces in /proc/PID/ns. */
const FLAGS = {
  pid: "pid",
  uts: "uts",
  ipc: "ipc",
  network: "net",
  cgroupns: "cgroup",
  time: "time",
} as const;

const here = (name: string) => Deno.readLinkSync(`/proc/self/ns/${name}`);

for (const [flag, name] of Object.entries(FLAGS)) {
  testBoth(
    `--${flag} host shares the host's ${name} namespace`,
    async (mode) => {
      const { status, stdout } = await mode.run([
        ...[`--${flag}`, "host", "sh", "-c"],
        `readlink /proc/self/ns/${name}; exit 3`,
      ]);
      assertEquals([status, stdout], [3, `${here(name)}\n`]);
    },
  );

  testBoth(
    `--${flag} private makes a new ${name} namespace`,
    async (mode) => {
      const { status, stdout } = await mode.run([
        ...[`--${flag}`, "private", "readlink", `/proc/self/ns/${name}`],
      ]);
      assertEquals(status, 0);
      assertMatch(stdout, /^\w+:\[\d+\]\n$/);
      assertNotEquals(stdout.trim(), here(name));
    },
  );

  testBoth(
    `--${flag} path:FILE joins the ${name} namespace of another process`,
    async (mode) => {
      // PID 1 of another container is in all of them.
      await using other = startRun(
        ...["--time", "private", "sh", "-c", "echo ready; read x"],
      );
      await other.expect(/ready\n/);
      const [child] = descendants(other.pid);
      const path = `/proc/${child!.pid}/ns/${name}`;
      const theirs = await Deno.readLink(path);
      assertNotEquals(theirs, here(name));
      const { status, stdout, stderr } = await mode.run([
        ...[`--${flag}`, `path:${path}`, "sh", "-c"],
        `readlink /proc/self/ns/${name}; exit 4`,
      ]);
      assertEquals([status, stdout, stderr], [4, `${theirs}\n`, ""]);
      await other.close();
      await other.end();
    },
  );
}

testBoth("--ipc host shares /dev/shm with the host", async (mode) => {
  const path = await Deno.makeTempFile({ dir: "/dev/shm" });
  try {
    const words = ["sh", "-c", `echo inside >>${path}; cat ${path}`];
    await Deno.writeTextFile(path, "outside\n");
    await Deno.chmod(path, 0o666);
    const { stdout, stderr } = await mode.run(["--ipc", "host", ...words]);
    assertEquals([stdout, stderr], ["outside\ninside\n", ""]);
    assertEquals(await Deno.readTextFile(path), "outside\ninside\n");
    const alone = await mode.run(["cat", path]);
    assertEquals([alone.status, alone.stdout], [1, ""]);
  } finally {
    await Deno.remove(path);
  }
});

test("--shm-size is refused if /dev/shm is the host's", async () => {
  const { status, stderr } = await run(
    ["--ipc", "host", "--shm-size", "1m", "true"],
  );
  assertEquals(status, 125);
  assertStringIncludes(stderr, "/dev/shm belongs to the host");
});

test("a container in the host's PID namespace, or another's, leaves its processes alone", async () => {
  await using bystander = new Session(["sleep", "1000"]);
  await using other = startRun("sh", "-c", "echo ready; read x; echo over");
  await other.expect(/ready\n/);
  const [child] = descendants(other.pid);
  for (const mode of ["host", `path:/proc/${child!.pid}/ns/pid`]) {
    assertEquals((await run(["--pid", mode, "true"])).status, 0);
    assertEquals((await run(["--pid", mode, "no-such"])).status, 127);
  }
  Deno.kill(bystander.pid, 0 as unknown as Deno.Signal);
  await other.send("\n");
  await other.expect(/over\n/);
  assertEquals(await other.end(), 0);
});

test("SIGTERM reaches a command in the host's PID namespace", async () => {
  await using session = startRun("--pid", "host", "sleep", "1000");
  await until(
    "it runs",
    () =>
      descendants(session.pid).some(({ pid }) =>
        commandOf(pid) === "sleep 1000 "
      ),
  );
  session.kill("SIGTERM");
  assertEquals(await session.end(), 143);
});

testBoth(
  "run refuses a file that is not a namespace, or one of another type, in one line",
  async (mode) => {
    for (
      const [path, words] of [
        ["/no/such/file", /ENOENT.*\/proc\/PID\/ns\/net/],
        ["/proc/self/ns/uts", /not a namespace of this kind/],
        ["/etc/passwd", /not a namespace of this kind/],
      ] as const
    ) {
      const { status, stdout, stderr } = await mode.run(
        ["--network", `path:${path}`, "true"],
      );
      assertEquals([status, stdout], [125, ""], path);
      assertMatch(stderr, words);
      assertMatch(
        stderr,
        /^container: Cannot join the network namespace [^\n]+\n$/,
      );
    }
  },
);

testBoth(
  "--uts host has the host's hostname, which cannot be changed",
  async (mode) => {
    const { stdout } = await mode.run([
      "--uts",
      "host",
      "sh",
      "-c",
      "hostname; hostname x 2>/dev/null && echo changed",
    ]);
    assertEquals(stdout, `${Deno.hostname()}\n`);
  },
);

testBoth(
  "--network none has only loopback, and host the host's interfaces",
  async (mode) => {
    const interfaces = async (kind: string) => {
      const { stdout } = await mode.run([
        ...["--network", kind, "sh", "-c"],
        "tail -n +3 /proc/net/dev | cut -d : -f 1 | tr -d ' ' | sort",
      ]);
      return stdout.trim().split("\n");
    };
    assertEquals(await interfaces("none"), ["lo"]);
    const text = await Deno.readTextFile("/proc/net/dev");
    assertEquals(
      await interfaces("host"),
      text.trim().split("\n").slice(2).map((line) => line.split(":")[0]!.trim())
        .toSorted(),
    );
  },
);

testBoth(
  "--sysctl sets settings of the container's own namespaces",
  async (mode) => {
    const before = await Deno.readTextFile("/proc/sys/net/ipv4/ip_forward");
    const other = before.trim() === "1" ? "0" : "1";
    const { stdout } = await mode.run([
      ...["--sysctl", `net.ipv4.ip_forward=${other}`],
      ...["--sysctl", "kernel.shmmax=12345", "--sysctl=fs.mqueue.msg_max=7"],
      ...["cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/shmmax"],
      "/proc/sys/fs/mqueue/msg_max",
    ]);
    assertEquals(stdout, `${other}\n12345\n7\n`);
    assertEquals(
      await Deno.readTextFile("/proc/sys/net/ipv4/ip_forward"),
      before,
    );
  },
);

testBoth(
  "--sysctl refuses settings of the host, and unknown ones",
  async (mode) => {
    for (
      const [args, words] of [
        [
          ["--sysctl", "vm.swappiness=1"],
          /vm\.swappiness: it belongs to the host/,
        ],
        [
          ["--sysctl", "kernel.panic=1"],
          /kernel\.panic: it belongs to the host/,
        ],
        [
          ["--network", "host", "--sysctl", "net.ipv4.ip_forward=1"],
          /net\.ipv4\.ip_forward: the network namespace is the host's/,
        ],
        [
          ["--sysctl", "net.no.such=1"],
          /net\.no\.such.*does not have this setting/,
        ],
        [["--sysctl", "net.ipv4.ip_forward=x"], /does not accept this value/],
      ] as const
    ) {
      const { status, stdout, stderr } = await mode.run([...args, "true"]);
      assertEquals([status, stdout], [125, ""]);
      assertMatch(stderr, words);
      assertMatch(stderr, /^container: Cannot set [^\n]+\n$/);
    }
  },
);

testBoth("--userns is root inside and the caller outside", async (mode) => {
  const { stdout } = await mode.run([
    ...["--userns", "--ephemeral", "sh", "-c"],
    "cat /proc/self/uid_map; cat /proc/self/gid_map; id -u; readlink /proc/self/ns/user",
  ]);
  const [uids, gids, id, user] = stdout.split("\n");
  assertEquals([uids, gids].map((line) => line!.trim().split(/\s+/)), [
    ["0", "0", "1"],
    ["0", "0", "1"],
  ]);
  assertEquals(id, "0");
  assertNotEquals(user, here("user"));
});

testBoth(
  "--uidmap and --gidmap map root inside to another user of the host",
  async (mode) => {
    await using nobody = await Nobody.make();
    await using dir = new TempDir();
    const path = await copyRootfs(dir.path);
    await Deno.mkdir(`${path}/theirs`);
    await Deno.chown(`${path}/theirs`, 100_000, 200_000);
    const { status, stdout, stderr } = await mode.run([
      ...["--rootfs", path, "--uidmap", "0:100000:1000"],
      ...["--gidmap", "0:200000:1000", "sh", "-c"],
      `cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '
     touch /theirs/x && chown 7:8 /theirs/x; touch /bin/x 2>/dev/null && echo written
     stat -c '%u:%g' /bin; mknod /theirs/null c 1 3 2>/dev/null && echo device
     echo x > /dev/null && id -u`,
    ], { env: nobody.env });
    assertEquals([status, stderr], [0, ""]);
    assertEquals(
      stdout,
      " 0 100000 1000\n 0 200000 1000\n65534:65534\n0\n",
    );
    const { uid, gid } = await Deno.stat(`${path}/theirs/x`);
    assertEquals([uid, gid], [100_007, 200_008]);
  },
);

testBoth(
  "--userns path:FILE joins a user namespace with its mappings",
  async (mode) => {
    await using other = NO_INIT.startRun(
      ...["--userns", "--ephemeral", "sh", "-c", "echo ready; read x"],
    );
    await other.expect(/ready\n/);
    const [command] = descendants(other.pid);
    const path = `/proc/${command!.pid}/ns/user`;
    const theirs = await Deno.readLink(path);
    assertNotEquals(theirs, here("user"));
    const { status, stdout } = await mode.run([
      ...["--userns", `path:${path}`, "sh", "-c"],
      "readlink /proc/self/ns/user; id -u; exit 5",
    ]);
    assertEquals([status, stdout], [5, `${theirs}\n0\n`]);
    await other.close();
    await other.end();
  },
);

testBoth(
  "run --userns works with a root filesystem that the mapped user cannot reach",
  async (mode) => {
    await using dir = new TempDir();
    const path = await copyRootfs(dir.path);
    await Deno.chmod(dir.path, 0o700);
    const { status, stdout, stderr } = await container([
      ...["run", ...mode.flags, "-q", "--rootfs", path],
      ...["--uidmap", "0:100000:1000", "--gidmap", "0:100000:1000"],
      ...["sh", "-c", "cat /proc/self/uid_map; ls -d /bin"],
    ]);
    assertEquals(
      [status, stdout.replaceAll(/ +/g, " "), stderr],
      [0, " 0 100000 1000\n/bin\n", ""],
    );
  },
);

testBoth("-m and --pids-limit take effect", async (mode) => {
  const { status, stderr } = await mode.run([
    ...["--pids-limit", "16", "sh", "-c"],
    "i=0; while [ $i -lt 30 ]; do sleep 5 & i=$((i + 1)); done; exit 0",
  ]);
  assert(status !== 0 || /fork|resource/i.test(stderr), stderr);
  assertMatch(stderr, /can't fork|Resource temporarily unavailable/i);
  const killed = await mode.run([
    ...[
      "-m",
      "32m",
      "sh",
      "-c",
      "head -c 200m /dev/zero | tail -c 150m | wc -c",
    ],
  ]);
  assert(!killed.stdout.includes(String(150 << 20)), killed.stdout);
});
