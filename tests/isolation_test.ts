/** What the container and the host do not see of each other. */

// @ts-types="../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { descendants } from "./_host.ts";
import {
  COMPILED,
  container,
  copyRootfs,
  execute,
  run,
  runShell,
  runWords,
  shellLine,
  startRun,
  TempDir,
  test,
  without,
} from "./_harness.ts";

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
const OWN = ["pid", "mnt", "uts", "ipc"];

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
  test(`the ${namespace} namespace is ${own ? "the container's own" : "the host's"}`, async () => {
    const { stdout } = await run(["readlink", `/proc/self/ns/${namespace}`]);
    const here = await Deno.readLink(`/proc/self/ns/${namespace}`);
    assertMatch(stdout, /^\w+:\[\d+\]\n$/);
    assertEquals(stdout.trim() !== here, own);
  });
}

test("two containers share no namespace that is their own", async () => {
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

test("the hostname does not leak, even when it is changed inside", async () => {
  const before = Deno.hostname();
  const { stdout } = await runShell("hostname inner; hostname");
  assertEquals(stdout, "inner\n");
  assertEquals(Deno.hostname(), before);
});

test("only the container's processes are seen inside", async () => {
  const { stdout } = await runShell("sleep 100 & echo /proc/[0-9]*");
  assert(stdout.trim().split(" ").length <= 4, stdout);
});

test("no process of the host can be signalled from inside", async () => {
  const { status } = await runShell(`kill -0 ${Deno.pid} 2>/dev/null`);
  assertEquals(status, 1);
});

test("PID 1 cannot be killed, stopped or ended from inside", async () => {
  const { status, stdout } = await runShell(
    "for s in KILL STOP ABRT SEGV ILL ALRM PIPE 37; do kill -$s 1; done; sleep 0.2; echo alive; exit 3",
  );
  assertEquals([status, stdout], [3, "alive\n"]);
});

test("mounts made inside are not seen on the host, while they last", async () => {
  const before = await Deno.readTextFile("/proc/self/mountinfo");
  await using session = startRun(
    "sh",
    "-c",
    "mount -t tmpfs none /tmp && echo x > /tmp/inside && echo ready; read x",
  );
  await session.expect(/ready\n/);
  assertEquals(await Deno.readTextFile("/proc/self/mountinfo"), before);
  await session.close();
  await session.end();
});

test("mounts made shared inside still do not reach the host", async () => {
  const before = await Deno.readTextFile("/proc/self/mountinfo");
  await using session = startRun(
    "sh",
    "-c",
    "mount --make-rshared / ; mount -t tmpfs none /tmp; echo ready; read x",
  );
  await session.expect(/ready\n/);
  assertEquals(await Deno.readTextFile("/proc/self/mountinfo"), before);
  await session.close();
  await session.end();
});

test("inside there are two mounts: the root and /proc", async () => {
  const { stdout } = await run(["cat", "/proc/self/mountinfo"]);
  const points = stdout.trim().split("\n").map((line) => line.split(" ")[4]);
  assertEquals(points, ["/", "/proc"]);
  assertMatch(
    stdout.trim().split("\n")[1]!,
    /nosuid,nodev,noexec.* - proc proc /,
  );
});

test("a host whose mounts are all shared sees none of ours", async () => {
  const { status, stdout } = await execute([
    "unshare",
    "-m",
    "sh",
    "-c",
    `mount --make-rshared / && before=$(cat /proc/self/mountinfo) &&
     ${
      shellLine(runWords("-q", "mount", "-t", "tmpfs", "none", "/tmp"))
    } && [ "$before" = "$(cat /proc/self/mountinfo)" ] && echo same`,
  ]);
  assertEquals([status, stdout], [0, "same\n"]);
}, { skip: without("unshare") });

test("no path leads out of the root", async () => {
  const { stdout } = await runShell(
    "ls -di / /.. /../.. /proc/1/cwd/.. /proc/self/root/.. 2>/dev/null | cut -d/ -f1 | sort -u | wc -l; pwd -P",
  );
  assertEquals(stdout, "1\n/\n");
});

test("a second chroot does not break out", async () => {
  // The classic escape: a root below the working directory, then upwards.
  const { stdout } = await runShell(
    "mkdir -p /tmp/jail/bin; cp /bin/busybox /tmp/jail/bin/; cd /; chroot /tmp/jail /bin/busybox sh -c 'cd ../../../../../..; /bin/busybox ls -d /bin /etc 2>&1'; rm -r /tmp/jail",
  );
  assertMatch(stdout, /^\/bin\n|^ls: \/etc/);
});

test("only the three standard streams are open", async () => {
  const { stdout } = await execute([
    "bash",
    "-c",
    `exec 5</etc/passwd 9</ 77>/dev/null; exec ${
      shellLine(
        runWords("-q", "sh", "-c", "ls /proc/self/fd; ls /proc/$$/fd; true"),
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
  const links = namesIn(directory).filter((name) => Number(name) > 2)
    .map((name) => linkOf(`${directory}/${name}`));
  assertEquals(links.filter((link) => /^\/(?!memfd:)/.test(link)), []);
  assertEquals(await Deno.readLink(`/proc/${child!.pid}/cwd`), "/");
  await session.close();
  await session.end();
}, { skip: COMPILED ? null : "Deno keeps its caches open to run a source" });

// CAP_SYS_PTRACE opens all of them to root, dumpable or not.
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

test("the caller's secrets are in no environment inside", async () => {
  const { stdout } = await runShell(
    "cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; env",
    { env: { SECRET: "hunter2" } },
  );
  assert(!stdout.includes("hunter2"));
});

test("the command's own executable is the container's, not ours", async () => {
  const { stdout } = await run(["readlink", "/proc/self/exe"]);
  assertEquals(stdout, "/bin/busybox\n");
});

test("a script with #!/proc/self/exe gets nothing to run and nothing to write to", async () => {
  await using dir = new TempDir();
  const path = await copyRootfs(dir.path);
  await Deno.writeTextFile(`${path}/bin/evil`, "#!/proc/self/exe\n");
  await Deno.chmod(`${path}/bin/evil`, 0o755);
  const { status, stdout } = await container(
    ["run", "--rootfs", path, "-q", "evil"],
  );
  assertNotEquals(status, 0);
  assertEquals(stdout, "");
});

test("a /proc that is a link leads nowhere but inside", async () => {
  await using dir = new TempDir();
  const outside = `${dir.path}/outside`;
  await Deno.mkdir(outside);
  const path = await copyRootfs(dir.path);
  await Deno.remove(`${path}/proc`, { recursive: true });
  await Deno.symlink(outside, `${path}/proc`);
  const { status } = await container(
    ["run", "--rootfs", path, "-q", "true"],
  );
  assertEquals(status, 125);
  assertEquals(namesIn(outside), []);
  await Deno.remove(`${path}/proc`);
  await Deno.symlink("../../../../tmp", `${path}/proc`);
  const inside = await container(
    ["run", "--rootfs", path, "-q", "cat", "/proc/self/comm"],
  );
  assertEquals([inside.status, inside.stdout], [0, "cat\n"]);
});

test("System V shared memory of the host is not seen inside", async () => {
  const made = await execute(["ipcmk", "-M", "4096"]);
  const id = made.stdout.match(/(\d+)\s*$/)?.[1];
  assert(id, made.stderr);
  try {
    const { stdout } = await run(["cat", "/proc/sysvipc/shm"]);
    assertEquals(stdout.trim().split("\n").length, 1, stdout);
  } finally {
    await execute(["ipcrm", "-m", id]);
  }
}, { skip: without("ipcmk") ?? without("ipcrm") });

test("a change of the root filesystem from inside stays there when it is over", async () => {
  await using dir = new TempDir();
  const path = await copyRootfs(dir.path);
  await container(
    ["run", "--rootfs", path, "-q", "sh", "-c", "echo hi > /tmp/note"],
  );
  assertEquals(await Deno.readTextFile(`${path}/tmp/note`), "hi\n");
  assertEquals(namesIn(`${path}/proc`), []);
});

test("the file creation mask is the caller's", async () => {
  const { stdout } = await execute([
    "sh",
    "-c",
    `umask 027; exec ${shellLine(runWords("-q", "sh", "-c", "umask"))}`,
  ]);
  assertEquals(stdout, "0027\n");
});
