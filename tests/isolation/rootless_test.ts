/** Containers of ordinary users: a user namespace in which they are root. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  copyRootfs,
  execute,
  type Mode,
  Nobody,
  shellLine,
  startTerminal,
  TempDir,
  testBoth as bothModes,
  without,
} from "../_harness.ts";

/** The uid that setpriv uses, and that of `nobody` on Debian. */
const UID = 65534;

/** An ordinary user with a root filesystem. */
class Tenant implements AsyncDisposable {
  private constructor(
    readonly nobody: Nobody,
    readonly dir: TempDir,
    readonly rootfs: string,
  ) {}

  static async make(): Promise<Tenant> {
    const nobody = await Nobody.make();
    const dir = new TempDir();
    const path = await copyRootfs(dir.path);
    const { status, stderr } = await execute(
      ["chown", "-R", `${UID}:${UID}`, dir.path],
    );
    assertEquals([status, stderr], [0, ""]);
    return new Tenant(nobody, dir, path);
  }

  run(mode: Mode, ...args: string[]) {
    return mode.run(["--rootfs", this.rootfs, ...args], this.nobody);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dir[Symbol.asyncDispose]();
    await this.nobody[Symbol.asyncDispose]();
  }
}

function test(
  name: string,
  fn: (tenant: Tenant, mode: Mode) => Promise<void>,
): void {
  bothModes(`rootless: ${name}`, async (mode) => {
    await using tenant = await Tenant.make();
    await fn(tenant, mode);
  }, { skip: without("setpriv") });
}

test(
  "run starts the command as root inside and as the user outside",
  async (tenant, mode) => {
    const { status, stdout, stderr } = await tenant.run(
      mode,
      ...["sh", "-c"],
      "id -u; hostname; tr -s ' ' < /proc/self/uid_map; echo mine > /made; exit 3",
    );
    assertEquals(
      [status, stdout, stderr],
      [3, `0\ncontainer\n 0 ${UID} 1\n`, ""],
    );
    const { uid, gid } = await Deno.stat(`${tenant.rootfs}/made`);
    assertEquals([uid, gid], [UID, UID]);
  },
);

bothModes(
  "rootless: root of a user namespace without other ids has a container like any root",
  async (mode) => {
    const before = ["unshare", "--user", "--map-root-user"];
    const run = (...args: string[]) => mode.run(args, { before });
    const own = await run("sh", "-c", "id -u; ls /dev/pts; exit 3");
    assertEquals([own.status, own.stdout, own.stderr], [3, "0\nptmx\n", ""]);
    // With the host's network, /sys is the host's as well.
    const shared = await run("--network", "host", "ls", "/sys/kernel");
    assertEquals([shared.status, shared.stderr], [0, ""]);
    const below = await run("--userns", "sh", "-c", "id -u");
    assertEquals([below.status, below.stdout, below.stderr], [0, "0\n", ""]);
  },
  { skip: without("unshare") },
);

test(
  "run makes every namespace, including a user namespace",
  async (tenant, mode) => {
    const names = ["pid", "mnt", "uts", "ipc", "net", "user", "cgroup"];
    const { stdout } = await tenant.run(
      mode,
      ...["sh", "-c"],
      `for n in ${names.join(" ")}; do readlink /proc/self/ns/$n; done`,
    );
    const inside = stdout.trim().split("\n");
    assertEquals(inside.length, names.length);
    const outside = await Promise.all(
      names.map((name) => Deno.readLink(`/proc/self/ns/${name}`)),
    );
    assertEquals(inside.filter((link) => outside.includes(link)), []);
  },
);

test(
  "run has devices, /proc, /sys, loopback and /dev/shm",
  async (tenant, mode) => {
    const { stdout, stderr } = await tenant.run(
      mode,
      ...["sh", "-c"],
      `echo x > /dev/null && head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c
     ls /proc | grep -c '^1$'; ls /sys/class/net; touch /dev/shm/x && echo memory
     ping -c 1 -W 2 127.0.0.1 >/dev/null && echo answers; ls -d /dev/mqueue /dev/pts`,
    );
    assertEquals([stdout, stderr], [
      "4\n4\n1\nlo\nmemory\nanswers\n/dev/mqueue\n/dev/pts\n",
      "",
    ]);
  },
);

test("run keeps files of the host closed", async (tenant, mode) => {
  const { stdout } = await tenant.run(
    mode,
    ...["-v", "/etc:/host/etc", "-v", "/proc:/host/proc:ro", "sh", "-c"],
    `cat /host/etc/shadow 2>/dev/null && echo shadow
     touch /host/etc/x 2>/dev/null && echo written
     echo 1 2>/dev/null > /proc/sys/kernel/panic && echo sysctl
     mknod /tmp/null c 1 3 2>/dev/null && echo device
     chmod 600 /dev/null 2>/dev/null && echo chmod
     mount -t tmpfs none /tmp 2>/dev/null && echo mounted
     kill -0 ${Deno.pid} 2>/dev/null && echo seen; echo end`,
  );
  assertEquals(stdout, "end\n");
  assertEquals((await Deno.stat("/dev/null")).mode! & 0o777, 0o666);
});

test(
  "-v, --tmpfs, --read-only, --ephemeral and --overlay work",
  async (tenant, mode) => {
    const source = `${tenant.dir.path}/source`;
    await Deno.mkdir(source);
    await Deno.chown(source, UID, UID);
    const first = await tenant.run(
      mode,
      ...["-v", `${source}:/mnt`, "--tmpfs", "/scratch", "--read-only", "sh"],
      "-c",
      "touch /mnt/x /scratch/y && ls /mnt /scratch; touch /z 2>/dev/null || echo readonly",
    );
    assertEquals(first.stdout, "/mnt:\nx\n\n/scratch:\ny\nreadonly\n");
    assertEquals((await Deno.stat(`${source}/x`)).uid, UID);
    const second = await tenant.run(
      mode,
      ...["--ephemeral", "sh", "-c", "touch /z && rm /bin/ls && echo done"],
    );
    assertEquals([second.stdout, second.stderr], ["done\n", ""]);
    assert(await exists(`${tenant.rootfs}/bin/ls`));
    assert(!await exists(`${tenant.rootfs}/z`));
    const layers = `${tenant.dir.path}/layers`;
    for (
      const words of [
        "touch /z && rm /bin/ls && echo done",
        "[ -e /z ] && [ ! -e /bin/ls ] && echo done",
      ]
    ) {
      const kept = await tenant.run(
        mode,
        ...["--overlay", layers, "sh", "-c", words],
      );
      assertEquals([kept.stdout, kept.stderr], ["done\n", ""]);
    }
    assertEquals((await Deno.stat(`${layers}/upper/z`)).uid, UID);
    assert(await exists(`${tenant.rootfs}/bin/ls`));
  },
);

test("--rootfs / is the host's tree, read-only", async (tenant, mode) => {
  const { stdout, stderr } = await mode.run(
    [
      "--rootfs",
      "/",
      "sh",
      "-c",
      "touch /tmp/x-rootless 2>/dev/null || echo readonly; hostname",
    ],
    tenant.nobody,
  );
  assertEquals([stdout, stderr], ["readonly\ncontainer\n", ""]);
});

test(
  "run connects its own terminal with the caller's, and gives that back",
  async (tenant, mode) => {
    const { before, env } = tenant.nobody;
    const words = [
      "env",
      ...Object.entries(env).map(([key, value]) => `${key}=${value}`),
      ...before,
      ...mode.runWords("-q", "--rootfs", tenant.rootfs),
    ];
    const script = "tty; ls -1 /dev/console; stty size; read x; echo got $x";
    await using terminal = startTerminal(
      `stty rows 33 cols 111; before=$(stty -a); ${
        shellLine([...words, "sh", "-c", script])
      }; [ "$before" = "$(stty -a)" ] && echo same`,
    );
    await terminal.expect(
      /\/dev\/pts\/0\r\n\/dev\/console\r\n33 111\r\n/,
    );
    await terminal.send("word\r");
    await terminal.expect(/got word\r\nsame\r\n/);
    assertEquals(await terminal.end(), 0);
  },
);

test("run reports what is left out, unless -q is set", async (tenant, mode) => {
  const { stderr } = await tenant.run(mode, "--quiet=false", "true");
  assertMatch(
    stderr,
    /^container: without root, your own user is root inside, and no other user exists; device nodes are bind mounts of the host's devices$/m,
  );
});

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch {
    return false;
  }
}

test(
  "--pid host shows the host's /proc",
  async (tenant, mode) => {
    const { status, stdout, stderr } = await execute([
      ...tenant.nobody.before,
      ...mode.runWords(
        ...["--rootfs", tenant.rootfs, "--pid", "host"],
        ...[
          "sh",
          "-c",
          "readlink /proc/self; echo x >/proc/sys/kernel/hostname",
        ],
      ),
    ], tenant.nobody);
    assertMatch(
      stderr,
      /container: \/proc is the host's \/proc, bind mounted \(/,
    );
    assertMatch(stderr, /kernel\/hostname: Read-only file system/);
    assertMatch(stdout, /^\d+\n$/);
    assertEquals(status, 1);
  },
);

test(
  "run and run -d refuse a limit that the user may not set",
  async (tenant, mode) => {
    for (const words of [["-m", "64m"], ["-d", "-m", "64m"]]) {
      const { status, stdout, stderr } = await tenant.run(
        mode,
        ...words,
        "true",
      );
      assertEquals([status, stdout], [125, ""], words.join(" "));
      assertMatch(stderr, /^container: Cannot limit memory: .*\. Run as root/m);
    }
  },
);

test(
  "run refuses a group that is not mapped",
  async (tenant, mode) => {
    const { status, stderr } = await tenant.run(
      mode,
      ...["--group-add", "5", "true"],
    );
    assertEquals(
      [status, stderr],
      [
        125,
        "container: Cannot add the group 5: the user namespace maps only your own group. Map more groups with --userns auto, or run as root (sudo).\n",
      ],
    );
  },
);

test(
  "--rootfs / --ephemeral keeps changes in memory",
  async (tenant, mode) => {
    // Next to a home, so that no closed directory is on the path.
    const mine = await Deno.makeTempDir({
      dir: "/home",
      prefix: "container-test-",
    });
    try {
      await Deno.writeTextFile(`${mine}/old`, "old\n");
      for (const path of [mine, `${mine}/old`]) {
        await Deno.chown(path, UID, UID);
      }
      const run = (...words: string[]) =>
        tenant.run(mode, ...["--rootfs", "/", "--ephemeral", ...words]);
      const script = `cd ${mine} && rm old && echo new >new && ls
        touch /made && ls -d /made /bin /proc/self; ls -A /tmp
        rm /etc/passwd; ls /etc/passwd 2>/dev/null || echo gone
        touch /sys/x /proc/x 2>/dev/null || echo not there`;
      const { status, stdout, stderr } = await run("sh", "-c", script);
      assertEquals([status, stderr], [0, ""]);
      assertEquals(
        stdout,
        "new\n/bin\n/made\n/proc/self\ngone\nnot there\n",
      );
      assert(await exists(`${mine}/old`));
      assert(!await exists(`${mine}/new`));
      assert(!await exists("/made"));
      assert(await exists("/etc/passwd"));
      const fixed = await run("--read-only", "sh", "-c", `rm ${mine}/old`);
      assertStringIncludes(fixed.stderr, "Read-only file system");
    } finally {
      await Deno.remove(mine, { recursive: true });
    }
  },
);

test(
  "--rootfs / --overlay is refused, with another way to do it",
  async (tenant, mode) => {
    const { status, stderr } = await tenant.run(
      mode,
      ...["--rootfs", "/", "--overlay", `${tenant.dir.path}/layers`, "true"],
    );
    assertEquals(status, 125);
    assertMatch(
      stderr,
      /^container: Cannot mount an overlay at \/, .*Without root, an overlay cannot cover a directory with mounts below it, .*--ephemeral/,
    );
  },
);
