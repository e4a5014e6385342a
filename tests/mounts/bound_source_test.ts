/** In a directory of the host that is bind mounted, nothing is made by default. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import {
  copyRootfs,
  type Mode,
  NOBODY,
  Nobody,
  rootfs,
  run,
  shellLine,
  startTerminal,
  TempDir,
  test,
  testBoth,
  without,
} from "../_harness.ts";
import { assertRefused } from "../_refused.ts";

/** All paths below a directory. */
function below(directory: string, prefix = ""): string[] {
  return [...Deno.readDirSync(directory)].flatMap((entry) => {
    const path = `${prefix}${entry.name}`;
    return entry.isDirectory
      ? [path, ...below(`${directory}/${entry.name}`, `${path}/`)]
      : [path];
  }).toSorted();
}

/** Mounts a directory with these files; returns the output and what is in it afterwards. */
async function mounted(
  mode: Mode,
  place: string,
  script: string,
  { files = [], flags = [] }: { files?: string[]; flags?: string[] } = {},
) {
  await using dir = new TempDir();
  const source = `${dir.path}/source`;
  await Deno.mkdir(source);
  for (const file of files) await Deno.writeTextFile(`${source}/${file}`, "");
  const result = await mode.run([
    ...["--rootfs", await copyRootfs(dir.path)],
    ...[...flags, "-v", `${source}:${place}`, "sh", "-c", script],
  ]);
  return { ...result, left: below(source) };
}

for (
  const place of [
    ...["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"],
    ...["/sys", "/sys/fs/cgroup", "/etc", "/tmp"],
  ]
) {
  testBoth(`-v DIR:${place} leaves DIR as it is`, async (mode) => {
    const { stdout, stderr, left } = await mounted(
      mode,
      place,
      `ls ${place} && echo listed`,
    );
    assertEquals([stdout, stderr, left], ["listed\n", "", []]);
  });
}

testBoth("-v DIR:/proc is refused, and leaves DIR as it is", async (mode) => {
  const refused = await mounted(mode, "/proc", "true");
  assertRefused(
    refused,
    125,
    /at \/proc: only a proc file system can be there/,
  );
  assertEquals(refused.left, []);
});

testBoth(
  "-v DIR:/dev leaves DIR as it is in a user namespace and with --privileged",
  async (mode) => {
    for (
      const flags of [
        ["--privileged"],
        ["--uidmap", "0:0:1000", "--gidmap", "0:0:1000"],
      ]
    ) {
      const { status, stderr, left } = await mounted(mode, "/dev", "true", {
        flags,
      });
      assertEquals([status, stderr, left], [0, "", []]);
    }
  },
);

test("-v DIR:/dev leaves DIR as it is without root", async () => {
  await using dir = new TempDir();
  await using nobody = await Nobody.make();
  const root = await copyRootfs(dir.path);
  await Deno.mkdir(`${dir.path}/source`);
  for (const path of [root, `${dir.path}/source`]) {
    await Deno.chown(path, NOBODY, NOBODY);
  }
  const { status, stderr } = await run([
    ...["--rootfs", root, "-v", `${dir.path}/source:/dev`, "true"],
  ], { before: nobody.before, env: nobody.env });
  assertEquals([status, stderr], [0, ""]);
  assertEquals(below(`${dir.path}/source`), []);
}, { skip: without("setpriv") });

testBoth(
  "devices cover the files of their names in a volume at /dev",
  async (mode) => {
    const { stdout, stderr, left } = await mounted(
      mode,
      "/dev",
      "cd /dev; stat -c '%n %F' *; echo text >null; head -c 3 zero | wc -c",
      { files: ["null", "zero", "text"] },
    );
    assertEquals([stdout.split("\n").filter(Boolean), stderr, left], [
      [
        "null character special file",
        "text regular empty file",
        "zero character special file",
        "3",
      ],
      "",
      ["null", "text", "zero"],
    ]);
  },
);

testBoth(
  "--device in a volume needs a file there, and --add-host too",
  async (mode) => {
    const device = ["--device", "/dev/full:/dev/brim"];
    const refused = await mounted(mode, "/dev", "true", { flags: device });
    assertRefused(
      refused,
      125,
      /cannot mount \/dev\/brim: .* has no \S+\/source\/brim\. Create it/,
    );
    assertEquals(refused.left, []);
    const given = await mounted(mode, "/dev", "stat -c %F /dev/brim", {
      flags: device,
      files: ["brim"],
    });
    assertEquals([given.stdout, given.stderr, given.left], [
      "character special file\n",
      "",
      ["brim"],
    ]);
    const hosts = await mounted(mode, "/etc", "true", {
      flags: ["--add-host", "a:1.2.3.4"],
    });
    assertRefused(hosts, 125, /--add-host: .* has no \S+\/source\/hosts\./);
    assertEquals(hosts.left, []);
  },
);

testBoth(
  "a terminal does not make /dev/console in a volume at /dev",
  async (mode) => {
    await using dir = new TempDir();
    for (const name of ["source", "source/pts"]) {
      await Deno.mkdir(`${dir.path}/${name}`);
    }
    const words = mode.runWords(
      ...["-q", "--ephemeral", "-t", "-v", `${dir.path}/source:/dev`],
      ...["sh", "-c", "tty; ls /dev"],
    );
    await using session = startTerminal(shellLine(words));
    await session.end();
    assertEquals(session.output.replaceAll("\r", ""), "/dev/pts/0\npts\n");
    assertEquals(below(`${dir.path}/source`), ["pts"]);
  },
  { skip: without("script") },
);

testBoth(
  "with --tmpfs /dev the container keeps its own terminals and /dev/shm",
  async (mode) => {
    const { stdout, stderr } = await mode.run([
      ...["--tmpfs", "/dev", "sh", "-c"],
      "awk '$2 ~ /^.dev.(pts|shm|mqueue)$/ {print $2, $3}' /proc/mounts; ls /dev/ptmx",
    ]);
    assertEquals([stdout, stderr], [
      "/dev/pts devpts\n/dev/mqueue mqueue\n/dev/shm tmpfs\n/dev/ptmx\n",
      "",
    ]);
  },
);

testBoth(
  "a volume below another creates its mountpoint there, as with docker",
  async (mode) => {
    await using dir = new TempDir();
    await Deno.mkdir(`${dir.path}/a`);
    const volumes = (options = "") => [
      ...["--ephemeral", "-v", `${dir.path}/a:/a${options}`],
      ...["-v", `${rootfs()}/etc:/a/b`, "--tmpfs", "/a/c"],
    ];
    // A read-only source is never written.
    const refused = await mode.run([...volumes(":ro"), "true"]);
    assertRefused(refused, 125, /has no \/a\/b.* and it could not be created/);
    assertEquals(below(`${dir.path}/a`), []);
    const { status, stderr } = await mode.run([...volumes(), "true"]);
    assertEquals([status, stderr], [0, ""]);
    assertEquals(below(`${dir.path}/a`), ["b", "c"]);
  },
);

test("a bundle with a bind mount at /dev makes nothing there", async () => {
  await using dir = new TempDir();
  await Deno.mkdir(`${dir.path}/source`);
  await Deno.mkdir(`${dir.path}/source/pts`);
  await using bundle = await Bundle.make(["tty"], ({ process, mounts }) => {
    process.terminal = true;
    for (const mount of mounts.splice(0)) {
      const { destination } = mount;
      if (/^\/dev\/(shm|mqueue)$/.test(destination)) continue;
      mounts.push(
        destination === "/dev"
          ? {
            destination,
            type: "bind",
            source: `${dir.path}/source`,
            options: ["rbind"],
          }
          : mount,
      );
    }
  });
  await using session = startTerminal(
    shellLine(bundle.words("run", "--bundle", bundle.dir.path, "dev")),
  );
  await session.end();
  assertEquals(session.output.replaceAll("\r", ""), "/dev/pts/0\n");
  assertEquals(below(`${dir.path}/source`), ["pts"]);
}, { skip: without("script"), rootOnly: "it makes mounts on the host" });
