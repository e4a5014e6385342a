/**
 * /etc/hostname, /etc/hosts and /etc/resolv.conf: made in memory, over those of
 * the root filesystem.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { assertRefused } from "../_refused.ts";
import {
  copyRootfs,
  execute,
  type Mode,
  Nobody,
  TempDir,
  testBoth,
  without,
} from "../_harness.ts";

const FILES = ["hostname", "hosts", "resolv.conf"];

/** Makes a root filesystem with marked files, or without these files. */
async function withFiles(dir: TempDir, there = true): Promise<string> {
  const path = await copyRootfs(dir.path);
  for (const name of FILES) {
    if (there) await Deno.writeTextFile(`${path}/etc/${name}`, "its own\n");
    else await Deno.remove(`${path}/etc/${name}`).catch(() => {});
  }
  return path;
}

/** Reads the files inside. */
async function read(
  mode: Mode,
  rootfs: string,
  flags: readonly string[],
  names = FILES,
): Promise<string[]> {
  const { stdout, stderr } = await mode.run([
    ...["--rootfs", rootfs, ...flags, "sh", "-c"],
    names.map((name) => `cat /etc/${name}; echo --`).join("; "),
  ]);
  assertEquals(stderr, "");
  return stdout.split("--\n").slice(0, names.length);
}

const LOCAL =
  "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/** Asserts that the root filesystem is unchanged. */
async function assertUntouched(rootfs: string): Promise<void> {
  for (const name of FILES) {
    assertEquals(
      await Deno.readTextFile(`${rootfs}/etc/${name}`),
      "its own\n",
      name,
    );
  }
}

testBoth(
  "run puts the container's name into hosts and hostname, over unchanged files of the root filesystem",
  async (mode) => {
    await using dir = new TempDir();
    const rootfs = await withFiles(dir);
    assertEquals(await read(mode, rootfs, []), [
      "container\n",
      `${LOCAL}127.0.0.1\tcontainer\n`,
      "its own\n",
    ]);
    assertEquals(
      await read(mode, rootfs, ["--hostname", "box", "--domainname", "lan"]),
      ["box\n", `${LOCAL}127.0.0.1\tbox.lan box\n`, "its own\n"],
    );
    const { stdout } = await mode.run([
      ...["--rootfs", rootfs, "sh", "-c"],
      "echo 10.1.2.3 other >> /etc/hosts && grep other /etc/hosts; ping -c 1 -W 2 container >/dev/null && echo answers",
    ]);
    assertEquals(stdout, "10.1.2.3 other\nanswers\n");
    await assertUntouched(rootfs);
  },
);

testBoth(
  "run makes no files in a root filesystem that lacks them, unless asked",
  async (mode) => {
    await using dir = new TempDir();
    const rootfs = await withFiles(dir, false);
    const { stdout } = await mode.run([
      ...["--rootfs", rootfs, "--network", "host", "ls", "/etc"],
    ]);
    assertEquals(stdout.match(/host|resolv/g), null);
    const empty = await mode.run([
      ...["--rootfs", "empty", "--ro-bind", "/bin/busybox:/sh"],
      ...["/sh", "ls", "/"],
    ]);
    assertEquals(empty.stdout.includes("etc"), false);
  },
);

testBoth(
  "--add-host and --dns make missing files",
  async (mode) => {
    const flags = [
      ...["--add-host", "db:192.0.2.1", "--add-host", "six=[2001:db8::1]"],
      ...["--dns", "192.0.2.53", "--dns=2001:db8::53", "--dns-search", "lan"],
      ...["--dns-search", "example.org", "--dns-option", "ndots:2"],
    ];
    for (const there of [true, false]) {
      await using dir = new TempDir();
      const rootfs = await withFiles(dir, there);
      assertEquals(await read(mode, rootfs, flags, ["hosts", "resolv.conf"]), [
        `${LOCAL}127.0.0.1\tcontainer\n192.0.2.1\tdb\n2001:db8::1\tsix\n`,
        "nameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch lan example.org\noptions ndots:2\n",
      ]);
      if (there) await assertUntouched(rootfs);
    }
  },
);

testBoth(
  "--dns works if resolv.conf is a link that leads to nothing",
  async (mode) => {
    await using dir = new TempDir();
    const rootfs = await withFiles(dir, false);
    await Deno.symlink(
      "../run/systemd/resolve/stub-resolv.conf",
      `${rootfs}/etc/resolv.conf`,
    );
    assertEquals(
      await read(mode, rootfs, ["--dns", "192.0.2.53"], ["resolv.conf"]),
      ["nameserver 192.0.2.53\n"],
    );
  },
);

testBoth("run uses the host's tables with the host's network", async (mode) => {
  await using dir = new TempDir();
  const rootfs = await withFiles(dir);
  const host = ["--network", "host"];
  const [, hosts, resolv] = await read(mode, rootfs, host);
  assertEquals(
    hosts,
    `${await Deno.readTextFile("/etc/hosts")}127.0.0.1\tcontainer\n`,
  );
  assertEquals(resolv, await Deno.readTextFile("/etc/resolv.conf"));
  const [searched] = await read(mode, rootfs, [
    ...host,
    "--dns-search=lan",
  ], ["resolv.conf"]);
  assertMatch(searched!, /^nameserver [\s\S]*^search lan$/m);
  await assertUntouched(rootfs);
});

testBoth("run mounts them read-only on a read-only root", async (mode) => {
  await using dir = new TempDir();
  const { stdout, stderr } = await mode.run([
    ...["--rootfs", await withFiles(dir), "--read-only", "sh", "-c"],
    "cat /etc/hostname; echo x >> /etc/hosts",
  ]);
  assertEquals(stdout, "container\n");
  assertMatch(stderr, /Read-only file system/);
});

testBoth("run does not cover mounts of the user", async (mode) => {
  await using dir = new TempDir();
  const rootfs = await withFiles(dir);
  await Deno.writeTextFile(`${dir.path}/hosts`, "mine\n");
  for (
    const volume of [`${dir.path}/hosts:/etc/hosts`, `${dir.path}:/etc`]
  ) {
    assertEquals(await read(mode, rootfs, ["-v", volume], ["hosts"]), [
      "mine\n",
    ]);
  }
  assertRefused(
    await mode.run([
      ...["-v", `${dir.path}/hosts:/etc/hosts`, "--add-host", "a:1.2.3.4"],
      "true",
    ]),
    125,
    /--add-host: another mount is already at \/etc\/hosts/,
  );
});

testBoth(
  "run makes files that every user can read, whatever the caller's umask",
  async (mode) => {
    await using dir = new TempDir();
    const { stdout } = await mode.run(
      ["--rootfs", await withFiles(dir), "-u", "1000", "cat", "/etc/hostname"],
      { before: ["sh", "-c", 'umask 077; exec "$@"', "sh"] },
    );
    assertEquals(stdout, "container\n");
  },
);

testBoth("run without root makes the files too", async (mode) => {
  await using dir = new TempDir();
  await using nobody = await Nobody.make();
  const rootfs = await withFiles(dir);
  await execute(["chown", "-R", "65534:65534", dir.path]);
  const { stdout, stderr } = await mode.run([
    ...["--rootfs", rootfs, "--dns", "192.0.2.53", "sh", "-c"],
    "cat /etc/hostname /etc/resolv.conf; grep -c container /etc/hosts",
  ], nobody);
  assertEquals([stdout, stderr], [
    "container\nnameserver 192.0.2.53\n1\n",
    "",
  ]);
  await assertUntouched(rootfs);
}, { skip: without("setpriv") });

testBoth("run does not use the host's name", async (mode) => {
  const { stdout } = await mode.run([
    ...["--uts", "host", "sh", "-c", "hostname; echo $HOSTNAME"],
  ]);
  assertEquals(stdout, `${Deno.hostname()}\n`.repeat(2));
  for (const flag of ["--hostname", "--domainname"]) {
    assertRefused(
      await mode.run([flag, "x", "--uts", "host", "true"]),
      125,
      new RegExp(`${flag} with --uts host would change the host's name`),
    );
  }
});

for (
  const [flag, words] of [
    ["--add-host=db", /not NAME:IP/],
    ["--add-host=db:300.1.1.1", /300\.1\.1\.1 is not an IP address/],
    [
      "--add-host=gw:host-gateway",
      /no network that reaches the host.*--network/,
    ],
    ["--add-host=a b:1.2.3.4", /a b is not a valid name/],
    ["--dns=resolver", /resolver is not an IP address/],
    ["--dns-search=a b", /expected a single word/],
    ["--domainname=", /1 to 64 bytes/],
  ] as const
) {
  testBoth(`run refuses ${flag} in one line`, async (mode) => {
    assertRefused(await mode.run([flag, "true"]), 125, words);
  });
}
