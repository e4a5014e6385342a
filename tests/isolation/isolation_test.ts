/** What the container and the host cannot see of each other. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { descendants } from "../_host.ts";
import {
  COMPILED,
  container,
  copyRootfs,
  execute,
  runShell,
  shellLine,
  startRun,
  TempDir,
  test,
  testBoth,
  until,
  without,
} from "../_harness.ts";

const NAMESPACES = [
  "pid",
  "mnt",
  "uts",
  "ipc",
  "net",
  "user",
  "cgroup",
  "time",
];
const OWN = ["pid", "mnt", "uts", "ipc", "net", "cgroup"];

/** The rights to mount and to change the hostname inside. */
const ADMIN = ["--cap-add", "SYS_ADMIN", "--seccomp", "unconfined"];

const namesIn = (directory: string) =>
  [...Deno.readDirSync(directory)].map(({ name }) => name);

function linkOf(path: string): string {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return "";
  }
}

for (const namespace of NAMESPACES) {
  const own = OWN.includes(namespace);
  testBoth(
    `the ${namespace} namespace is ${
      own ? "the container's own" : "the host's"
    }`,
    async (mode) => {
      const { stdout } = await mode.run([
        "readlink",
        `/proc/self/ns/${namespace}`,
      ]);
      const here = await Deno.readLink(`/proc/self/ns/${namespace}`);
      assertMatch(stdout, /^\w+:\[\d+\]\n$/);
      assertEquals(stdout.trim() !== here, own);
    },
  );
}

test("two containers share none of their own namespaces", async () => {
  const look = () =>
    runShell(
      OWN.map((name) => `readlink /proc/self/ns/${name}`).join("; "),
    );
  await using first = startRun(
    "sh",
    "-c",
    "readlink /proc/self/ns/*; echo ready; read x",
  );
  await first.expect(/ready\n/);
  const { stdout } = await look();
  for (const name of stdout.trim().split("\n")) {
    assert(!first.output.includes(name), name);
  }
  await first.close();
  await first.end();
});

test("PID 1 and the command are in the same namespaces", async () => {
  await using session = startRun("sh", "-c", "echo ready; read x");
  await session.expect(/ready\n/);
  const [child, command] = descendants(session.pid);
  for (const name of NAMESPACES) {
    assertEquals(
      await Deno.readLink(`/proc/${child!.pid}/ns/${name}`),
      await Deno.readLink(`/proc/${command!.pid}/ns/${name}`),
      name,
    );
  }
  await session.close();
  await session.end();
});

testBoth(
  "a hostname that is changed inside does not change the host's",
  async (mode) => {
    const before = Deno.hostname();
    const { stdout } = await mode.run([
      ...ADMIN,
      "sh",
      "-c",
      "hostname inner; hostname",
    ]);
    assertEquals(stdout, "inner\n");
    assertEquals(Deno.hostname(), before);
  },
);

testBoth(
  "run does not allow changing the hostname or mounting without extra rights",
  async (mode) => {
    const { status, stdout } = await mode.runShell(
      `hostname inner 2>/dev/null && echo changed
     mount -t tmpfs none /tmp 2>/dev/null && echo mounted
     mount -o remount,rw /sys 2>/dev/null && echo remounted
     umount /proc/keys 2>/dev/null && echo unmounted
     unshare -m true 2>/dev/null && echo unshared
     hostname; exit 4`,
    );
    assertEquals([status, stdout], [4, "container\n"]);
  },
);

testBoth("run shows only the container's processes inside", async (mode) => {
  const { stdout } = await mode.runShell("sleep 100 & echo /proc/[0-9]*");
  assert(stdout.trim().split(" ").length <= 4, stdout);
});

testBoth(
  "no process of the host can be signalled from inside",
  async (mode) => {
    const { status } = await mode.runShell(`kill -0 ${Deno.pid} 2>/dev/null`);
    assertEquals(status, 1);
  },
);

test("PID 1 cannot be killed, stopped or ended from inside", async () => {
  const { status, stdout } = await runShell(
    `trap : ABRT SEGV ILL ALRM 37
     for s in KILL STOP ABRT SEGV ILL ALRM PIPE 37; do kill -$s 1; done
     sleep 0.2; echo alive; exit 3`,
  );
  assertEquals([status, stdout], [3, "alive\n"]);
});

testBoth(
  "mounts made inside are never visible on the host",
  async (mode) => {
    const before = await Deno.readTextFile("/proc/self/mountinfo");
    await using session = mode.startRun(
      ...ADMIN,
      "sh",
      "-c",
      "mount -t tmpfs none /tmp && echo x > /tmp/inside && echo ready; read x",
    );
    await session.expect(/ready\n/);
    assertEquals(await Deno.readTextFile("/proc/self/mountinfo"), before);
    await session.close();
    await session.end();
  },
);

testBoth(
  "mounts made shared inside do not reach the host either",
  async (mode) => {
    const before = await Deno.readTextFile("/proc/self/mountinfo");
    await using session = mode.startRun(
      ...ADMIN,
      "sh",
      "-c",
      "mount --make-rshared / && mount -t tmpfs none /tmp && echo ready; read x",
    );
    await session.expect(/ready\n/);
    assertEquals(await Deno.readTextFile("/proc/self/mountinfo"), before);
    await session.close();
    await session.end();
  },
);

testBoth(
  "mounts inside do not reach a host with shared mounts",
  async (mode) => {
    const { status, stdout } = await execute([
      "unshare",
      "-m",
      "sh",
      "-c",
      `mount --make-rshared / && before=$(cat /proc/self/mountinfo) &&
     ${
        shellLine(
          mode.runWords("-q", ...ADMIN, "mount", "-t", "tmpfs", "none", "/tmp"),
        )
      } && [ "$before" = "$(cat /proc/self/mountinfo)" ] && echo same`,
    ]);
    assertEquals([status, stdout], [0, "same\n"]);
  },
  { skip: without("unshare") },
);

testBoth("no path leads out of the root", async (mode) => {
  const links = ["1/cwd", "self/root"].map((link) => `/proc/${link}/..`);
  const { stdout } = await mode.runShell(
    `ls -di / /.. /../.. ${
      links.join(" ")
    } 2>/dev/null | cut -d/ -f1 | sort -u | wc -l; pwd -P`,
  );
  assertEquals(stdout, "1\n/\n");
});

testBoth("a second chroot does not lead out of the root", async (mode) => {
  // The classic escape: change the root below the working directory, then go
  // upwards.
  const { stdout } = await mode.runShell(
    "mkdir -p /tmp/jail/bin; cp /bin/busybox /tmp/jail/bin/; cd /; chroot /tmp/jail /bin/busybox sh -c 'cd ../../../../../..; /bin/busybox ls -d /bin /etc 2>&1'; rm -r /tmp/jail",
  );
  assertMatch(stdout, /^\/bin\n|^ls: \/etc/);
});

testBoth("only the three standard streams are open", async (mode) => {
  const { stdout } = await execute([
    "bash",
    "-c",
    `exec 5</etc/passwd 9</ 77>/dev/null; exec ${
      shellLine(
        mode.runWords(
          "-q",
          "sh",
          "-c",
          "ls /proc/self/fd; ls /proc/$$/fd; true",
        ),
      )
    }`,
  ]);
  // 3 is the directory that ls reads.
  assertEquals(stdout, "0\n1\n2\n3\n0\n1\n2\n");
}, { skip: without("bash") });

test("PID 1 holds no directory or file of the host open", async () => {
  await using session = startRun("sh", "-c", "echo ready; read x");
  await session.expect(/ready\n/);
  const [child] = descendants(session.pid);
  const directory = `/proc/${child!.pid}/fd`;
  const files = () =>
    namesIn(directory).filter((name) => Number(name) > 2)
      .map((name) => linkOf(`${directory}/${name}`))
      .filter((link) => /^\/(?!memfd:)/.test(link));
  // Files that it opens to start the command are closed once it has started.
  await until("they are closed", () => files().length === 0);
  assertEquals(await Deno.readLink(`/proc/${child!.pid}/cwd`), "/");
  await session.close();
  await session.end();
}, { skip: COMPILED ? null : "Deno keeps its caches open to run a source" });

// With CAP_SYS_PTRACE root can open all of them, dumpable or not.
const WITHOUT_PTRACE = ["setpriv", "--bounding-set=-sys_ptrace"];

for (const name of ["exe", "root", "cwd", "fd/1", "mem"]) {
  test(
    `PID 1 is not dumpable: /proc/1/${name} is closed to root inside without CAP_SYS_PTRACE`,
    async () => {
      const read = name === "mem"
        ? "dd if=/proc/1/mem bs=1 count=1"
        : `readlink /proc/1/${name}`;
      const { stdout, stderr } = await runShell(`${read}; true`, {
        before: WITHOUT_PTRACE,
      });
      assertEquals(stdout, "");
      if (stderr) assertMatch(stderr, /denied|permitted/i);
    },
    { skip: without("setpriv") },
  );
}

testBoth("no environment inside has the caller's secrets", async (mode) => {
  const { stdout } = await mode.runShell(
    "cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; env",
    { env: { SECRET: "hunter2" } },
  );
  assert(!stdout.includes("hunter2"));
});

testBoth(
  "the command's executable is the container's, not our program",
  async (mode) => {
    const { stdout } = await mode.run(["readlink", "/proc/self/exe"]);
    assertEquals(stdout, "/bin/busybox\n");
  },
);

testBoth(
  "a script with #!/proc/self/exe reaches no program of ours",
  async (mode) => {
    await using dir = new TempDir();
    const path = await copyRootfs(dir.path);
    await Deno.writeTextFile(`${path}/bin/evil`, "#!/proc/self/exe\n");
    await Deno.chmod(`${path}/bin/evil`, 0o755);
    const { status, stdout } = await container(
      ["run", ...mode.flags, "--rootfs", path, "-q", "evil"],
    );
    assertNotEquals(status, 0);
    assertEquals(stdout, "");
  },
);

testBoth("a link at /proc leads only to places inside", async (mode) => {
  await using dir = new TempDir();
  const outside = `${dir.path}/outside`;
  await Deno.mkdir(outside);
  const path = await copyRootfs(dir.path);
  await Deno.remove(`${path}/proc`, { recursive: true });
  await Deno.symlink(outside, `${path}/proc`);
  const { status, stderr } = await container(
    ["run", ...mode.flags, "--rootfs", path, "-q", "true"],
  );
  assertEquals(status, 125);
  assertEquals(namesIn(outside), []);
  assertMatch(stderr, /\/proc in the root filesystem is a link/);
  // Nor is it followed inside, since what is mounted at /proc is trusted
  // (CVE-2019-19921).
  await Deno.remove(`${path}/proc`);
  await Deno.symlink("../../../../tmp", `${path}/proc`);
  const inside = await container(
    ["run", ...mode.flags, "--rootfs", path, "-q", "cat", "/proc/self/comm"],
  );
  assertEquals([inside.status, inside.stdout], [125, ""]);
  assertMatch(inside.stderr, /\/proc in the root filesystem is a link/);
  assertEquals(namesIn(`${path}/tmp`), []);
});

testBoth(
  "System V shared memory of the host is not visible inside",
  async (mode) => {
    const made = await execute(["ipcmk", "-M", "4096"]);
    const id = made.stdout.match(/(\d+)\s*$/)?.[1];
    assert(id, made.stderr);
    try {
      const { stdout } = await mode.run(["cat", "/proc/sysvipc/shm"]);
      assertEquals(stdout.trim().split("\n").length, 1, stdout);
    } finally {
      await execute(["ipcrm", "-m", id]);
    }
  },
  { skip: without("ipcmk") ?? without("ipcrm") },
);

testBoth(
  "changes of the root filesystem from inside remain afterwards",
  async (mode) => {
    await using dir = new TempDir();
    const path = await copyRootfs(dir.path);
    await container(
      [
        "run",
        ...mode.flags,
        "--rootfs",
        path,
        "-q",
        "sh",
        "-c",
        "echo hi > /tmp/note",
      ],
    );
    assertEquals(await Deno.readTextFile(`${path}/tmp/note`), "hi\n");
    for (const name of ["proc", "sys", "dev"]) {
      assertEquals(namesIn(`${path}/${name}`), [], name);
    }
  },
);

testBoth("run has docker's umask, whatever the caller's is", async (mode) => {
  for (const flags of [[], ["-u", "0"]]) {
    const words = mode.runWords("-q", ...flags, "sh", "-c", "umask");
    const { stdout } = await execute(
      ["sh", "-c", `umask 027; exec ${shellLine(words)}`],
    );
    assertEquals(stdout, "0022\n");
  }
});
