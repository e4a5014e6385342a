/** `container cp`, `diff` and `export`. */

// @ts-types="../../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { execute, test, without } from "../../_harness.ts";
import { ContainerBox, lines } from "./_container_box.ts";
import { does } from "../_image_store.ts";
import { directory, file, hardLink, symlink, tar } from "../_tar.ts";

const skip = without("busybox");

/** A directory of the host to copy. */
async function source(box: ContainerBox): Promise<void> {
  await does([
    "sh",
    "-ec",
    `
mkdir -p src/sub
echo hi >src/file; chmod 4750 src/file
ln src/file src/sub/hard; ln -s file src/link; mkfifo src/pipe
chown -R 1234:1235 src
chmod 4750 src/file
touch -d @1000 src/file src/sub`,
  ], { cwd: box.dir.path });
}

const SHOW =
  'cd "$1"; find . ! -type d | sort | xargs stat -c "%n %a %u:%g %h"';

test("cp copies into a container as docker does, and out again", async () => {
  await using box = await ContainerBox.make();
  await source(box);
  await Promise.all([
    box.ended("at-rest", "touch /data/old"),
    box.running("up"),
  ]);
  for (const name of ["at-rest", "up"]) {
    const cp = (...args: string[]) => box.does("cp", ...args);
    const into = async (from: string, to: string, ...flags: string[]) =>
      assertEquals(await cp(...flags, from, `${name}:${to}`), "");
    // A file: a new name, an existing directory, through a link, in place of one.
    await into("src/file", "/data/one");
    await into("src/file", "/dabs");
    await into("src/link", "/data/link");
    await into("src/link", "/data/followed", "-L");
    await into("src/file", "/broken", "-a");
    await into("src/file", "/data/old");
    await into("./src/file", "data/../relative");
    // A directory: a new name, an existing directory, and what is in it.
    await into("src", "/new", "-a");
    await into("src", "/data");
    await into("src/.", "/dots");
    await into("src/.", "/dots");
    // No link and no .. leads out.
    await into("src/file", "/out/../../../../../outside");
    const out = (from: string, ...flags: string[]) =>
      cp(...flags, `${name}:${from}`, `${box.host}/`);
    await out("/new", "-a");
    await out("/data/.");
    await out("/outside");
    await out("/nowhere", "-a");
    const show = ["sh", "-ec", SHOW, "sh", box.host];
    const { stdout } = await execute(show);
    const whole = (at: string, owner: string) => [
      `./${at}file 4750 ${owner} 2`,
      `./${at}link 777 ${owner} 1`,
      `./${at}pipe 644 ${owner} 1`,
      `./${at}sub/hard 4750 ${owner} 2`,
    ];
    assertEquals(
      lines(stdout),
      [
        "./file 4750 0:0 1",
        "./followed 4750 0:0 1",
        "./gone 644 0:0 1",
        "./link 777 0:0 1",
        ...whole("new/", "1234:1235"),
        "./nowhere 4750 1234:1235 1",
        "./old 4750 0:0 1",
        "./one 4750 0:0 1",
        "./outside 4750 0:0 1",
        ...whole("src/", "0:0"),
      ].sort(),
    );
    assertEquals(
      (await Deno.stat(`${box.host}/one`)).mtime?.getTime(),
      1_000_000,
    );
    assertEquals(
      (await Deno.stat(`${box.host}/new/sub`)).mtime?.getTime(),
      1_000_000,
    );
    await Deno.remove(box.host, { recursive: true });
    await Deno.mkdir(box.host);
    assert((await box.does("diff", name)).includes("A /relative\n"));
  }
}, { skip });

test("cp writes and reads tar files", async () => {
  await using box = await ContainerBox.make();
  await box.ended(
    "one",
    "mkdir /data/sub; echo x >/data/sub/x; ln /data/sub/x /data/y",
  );
  const tarOf = async (path: string, ...flags: string[]) => {
    const { bytes, stderr } = await box.call(
      "cp",
      ...flags,
      `one:${path}`,
      "-",
    );
    assertEquals(stderr, "");
    return await box.listed(bytes);
  };
  const below = (name: string) => [
    `drwxr-xr-x 7/8 ${name}/`,
    `-rw-r--r-- 0/0 4 ${name}/gone`,
    `-rw-r----- 7/8 3 ${name}/old`,
    `drwxr-xr-x 0/0 ${name}/sub/`,
    `-rw-r--r-- 0/0 2 ${name}/sub/x`,
    `hrw-r--r-- 0/0 ${name}/y link to ${name}/sub/x`,
  ];
  assertEquals(await tarOf("/data"), below("data"));
  assertEquals(await tarOf("/data/."), below("."));
  assertEquals(await tarOf("/dabs/"), below("dabs"));
  assertEquals(await tarOf("/dabs", "-L"), below("dabs"));
  assertEquals(await tarOf("/dabs"), ["lrwxrwxrwx 0/0 dabs -> /data"]);
  assertEquals(await tarOf("/data/old"), ["-rw-r----- 7/8 3 old"]);
  const archive = tar(
    directory("sub", { uid: 5 }),
    file("sub/.wh.kept", "1", { uid: 5, gid: 6, mode: 0o4711 }),
    hardLink("sub/link", "sub/.wh.kept"),
    symlink("sub/way", "/etc"),
    file("../../escape", "2"),
    file("missing/parent/file", "3"),
  );
  const fed = async (bytes: Uint8Array, ...args: string[]) => {
    const { status, stderr } = await box.fed(bytes, "cp", ...args);
    assertEquals([status, stderr], [0, ""]);
  };
  await fed(archive, "-a", "-", "one:/etc");
  const { bytes: zipped } = await execute(["gzip", "-c"], { stdin: archive });
  await fed(zipped, "-", "one:/bin/");
  const { bytes } = await box.call("export", "one");
  const all = (await box.listed(bytes)).filter((line) =>
    /(bin|etc)\/(sub|esc|mis)/.test(line)
  );
  const entries = (at: string, owner: string, group: string) => [
    `-rw-r--r-- 0/0 1 ${at}/escape`,
    `drwxr-xr-x 0/0 ${at}/missing/`,
    `drwxr-xr-x 0/0 ${at}/missing/parent/`,
    `-rw-r--r-- 0/0 1 ${at}/missing/parent/file`,
    `drwxr-xr-x ${owner}/0 ${at}/sub/`,
    `-rws--x--x ${owner}/${group} 1 ${at}/sub/.wh.kept`,
    `hrws--x--x ${owner}/${group} ${at}/sub/link link to ${at}/sub/.wh.kept`,
    `lrwxrwxrwx 0/0 ${at}/sub/way -> /etc`,
  ];
  assertEquals(all, [...entries("bin", "0", "0"), ...entries("etc", "5", "6")]);
}, { skip });

test("cp refuses what cannot be copied, in one line", async () => {
  await using box = await ContainerBox.make();
  await source(box);
  await box.running("up");
  const host = `${box.host}/file`;
  await Deno.writeTextFile(host, "");
  await Deno.mkdir(`${box.host}/one`);
  for (
    const [from, to, why] of [
      ["a", "b", /Neither the source nor the destination is in a container/],
      ["up:/a", "up:/b", /Cannot copy between containers/],
      ["none:/a", "b", /container does not exist: none/],
      ["up:", "b", /up: has no path/],
      ["up:/none", "b", /Cannot copy up:\/none: there is no such file/],
      ["up:/data/old/", "b", /it is not a directory/],
      ["up:/data", host, /a directory cannot replace a file/],
      ["up:/data/old", `${host}/`, /it is not a directory/],
      ["up:/data/old", `${box.host}/none/`, /there is no such directory/],
      ["up:/data/old", `${box.host}/a/b`, /its directory does not exist/],
      ["up:/data/old", "/dev/null", /it is a device, a pipe or a socket/],
      ["up:/proc/version", "b", /files in \/proc, \/sys and \/dev/],
      ["none", "up:/", /Cannot copy none: there is no such file/],
      ["src/file/", "up:/", /it is not a directory/],
      ["src", "up:/data/old", /a directory cannot replace a file/],
      ["src/file", "up:/none/file", /its directory does not exist/],
      ["src/file", "up:/none/", /there is no such directory/],
      ["src/file", "up:/proc/x", /files in \/proc, \/sys and \/dev/],
    ] as const
  ) {
    const line = await box.fails("cp", from, to);
    assertMatch(line, why);
    assertMatch(line, /\. [A-Z`].*$/, "no cure");
  }
  await Deno.mkdir(`${box.host}/one/old`);
  assertMatch(
    await box.fails("cp", "up:/data/old", `${box.host}/one`),
    /a directory has this name there/,
  );
  const junk = await box.fed(
    new Uint8Array(700).fill(7),
    "cp",
    "-",
    "up:/data",
  );
  assertEquals(junk.status, 125);
  assertMatch(junk.stderr, /^container: Cannot read the archive: .*\n$/);
  const cut = tar(file("large", "x".repeat(5000))).subarray(0, 2000);
  assertEquals((await box.fed(cut, "cp", "-", "up:/data")).status, 125);
  assertEquals(
    await box.does("exec", "up", "ls", "-A", "/data"),
    "gone\nold\n",
  );
}, { skip });

test("cp uses the mounts of a container", async () => {
  await using box = await ContainerBox.make();
  const mount = `${box.dir.path}/mount`;
  await Deno.mkdir(mount);
  await box.does(
    ...["run", "--name", "one", "-v", `${mount}:/data`, "--tmpfs", "/tmp"],
    ...["base:1", "sh", "-ec", "echo 1 >/data/file; echo 2 >/tmp/file"],
  );
  assertEquals(await box.does("diff", "one"), "C /data\n".slice(9));
  await box.does("cp", "one:/data/file", box.host);
  await box.does("cp", `${box.host}/file`, "one:/data/second");
  assertEquals(await Deno.readTextFile(`${mount}/second`), "1\n");
  assertMatch(
    await box.fails("cp", "one:/tmp/file", box.host),
    /there is no such file|is a mount/,
  );
  await box.does("start", "one");
}, { skip });

test("cp and export work for a root filesystem of the host", async () => {
  await using box = await ContainerBox.make();
  const root = `${box.dir.path}/root`;
  await Deno.mkdir(root);
  const { bytes } = await box.call(
    "export",
    (await box.ended("one", ""), "one"),
  );
  await execute(["tar", "-x", "-C", root], { stdin: bytes });
  await box.does(
    ...["run", "-d", "--name", "up", "--rootfs", root, "/bin/sleep", "1000"],
  );
  await box.does("run", "--name", "ended", "--rootfs", root, "/bin/id");
  for (const name of ["up", "ended"]) {
    await box.does("cp", "/etc/passwd", `${name}:/data/${name}`);
    await box.does("cp", `${name}:/data/${name}`, box.host);
    const { bytes } = await box.call("export", name);
    const all = await box.listed(bytes);
    assert(all.some((line) => line.endsWith(` data/${name}`)));
    assert(all.every((line) => !/ (proc|sys|dev)\/./.test(line)));
    assertMatch(
      await box.fails("diff", name),
      /it was not made from an image/,
    );
    assertMatch(
      await box.fails("commit", name),
      /it was not made from an image/,
    );
  }
}, { skip });

test("diff lists changes, but not the places of mounts", async () => {
  await using box = await ContainerBox.make();
  await box.ended("none", "");
  assertEquals(await box.does("diff", "none"), "");
  await box.ended(
    "one",
    "rm /data/gone; echo 2 >/etc/passwd; mkdir /new; touch /new/x; ln -s x /dev2; rm /broken",
  );
  const expected = [
    ...[
      "D /broken",
      "C /data",
      "D /data/gone",
      "A /dev2",
      "C /etc",
      "C /etc/passwd",
    ],
    ...["A /new", "A /new/x"],
  ];
  assertEquals(lines(await box.does("diff", "one")), expected);
  assertEquals(JSON.parse(await box.does("diff", "--format", "json", "one")), {
    changed: ["/data", "/etc", "/etc/passwd"],
    added: ["/dev2", "/new", "/new/x"],
    deleted: ["/broken", "/data/gone"],
  });
}, { skip });

test("export writes a whole file, or none", async () => {
  await using box = await ContainerBox.make();
  await box.ended("one", "rm /data/gone");
  const path = `${box.host}/one.tar`;
  await box.does("export", "-o", path, "one");
  const { bytes } = await box.call("export", "one");
  assertEquals(await Deno.readFile(path), bytes);
  assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
  const names = (await box.listed(bytes)).map((line) => line.split(" ").at(-1));
  assert(names.includes("data/old") && !names.includes("data/gone"));
  await box.does("export", "-o", path, "one");
  assertMatch(
    await box.fails("export", "-o", `${box.host}/none/x`, "one"),
    /^container: Cannot write .*: no such file or directory/,
  );
  assertMatch(await box.fails("export", "-o", "/dev/full", "one"), /no space/);
  assertEquals((await Array.fromAsync(Deno.readDir(box.host))).length, 1);
}, { skip });
