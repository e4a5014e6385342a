/** The files of a sandbox: every method, as root and as an ordinary user. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertRejects } from "@std/assert";
import { SeekMode } from "../../mod.ts";
import { TempDir, without } from "../_harness.ts";
import { asUser, create, test } from "./_sandbox.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("readFile() and writeFile(): small, large, streams, modes, appending", async () => {
  await using sandbox = await create();
  const { fs } = sandbox;
  await fs.writeTextFile("file", "hello");
  await fs.writeTextFile("/home/sandbox/file", " more", { append: true });
  assertEquals(await fs.readTextFile("./file"), "hello more");
  assertEquals(
    await sandbox.sh`cat file; stat -c %u:%a file`.text(),
    "hello more1000:644\n",
  );
  await fs.writeFile("file", new Uint8Array(), { mode: 0o600 });
  assertEquals(await sandbox.sh`stat -c %s:%a file`.text(), "0:600\n");
  const large = new Uint8Array(5_000_001).map((_, index) => index * 7);
  await fs.writeFile("large", large);
  const read = await fs.readFile("large");
  assert(
    read.length === large.length &&
      read.every((byte, at) => byte === large[at]),
  );
  await fs.writeFile("copy", new Blob([large]).stream());
  await sandbox.sh`cmp large copy`;
  await fs.writeTextFile("text", ReadableStream.from(["a", "ä", "€"]));
  assertEquals(await fs.readTextFile("text"), "aä€");
  assertEquals(await fs.readFile("file"), new Uint8Array());
  assert((await fs.readTextFile("/proc/1/status")).includes("Pid:\t1\n"));
  await assertRejects(
    () => fs.writeFile("file", bytes("x"), { createNew: true }),
    Deno.errors.AlreadyExists,
  );
  await assertRejects(
    () => fs.writeFile("no", bytes("x"), { create: false }),
    Deno.errors.NotFound,
  );
  await assertRejects(
    () => fs.readFile("large", { signal: AbortSignal.abort() }),
    DOMException,
  );
  await assertRejects(() => fs.readFile("a\0b"), TypeError);
});

test("directories, links, names and walks", async () => {
  await using sandbox = await create();
  const { fs } = sandbox;
  await fs.mkdir("a/b/c", { recursive: true });
  await fs.mkdir("a/b/c", { recursive: true });
  await assertRejects(() => fs.mkdir("a"), Deno.errors.AlreadyExists);
  await assertRejects(() => fs.mkdir("x/y"), Deno.errors.NotFound);
  await fs.writeTextFile("a/one.js", "1");
  await fs.writeTextFile("a/b/two.ts", "2");
  await fs.symlink("../a/one.js", "a/link");
  await fs.link("a/one.js", "a/hard");
  assertEquals(await fs.readLink("a/link"), "../a/one.js");
  assertEquals(await fs.realPath("a/link"), "/home/sandbox/a/one.js");
  assertEquals((await fs.stat("a/hard")).nlink, 2);
  const entries = await Array.fromAsync(fs.readDir("a"));
  assertEquals(
    entries.map(({ name, isFile, isDirectory, isSymlink }) =>
      `${name} ${isFile} ${isDirectory} ${isSymlink}`
    ).sort(),
    [
      "b false true false",
      "hard true false false",
      "link false false true",
      "one.js true false false",
    ],
  );
  const paths = async (found: AsyncIterable<{ path: string }>) =>
    (await Array.fromAsync(found)).map(({ path }) => path).sort();
  assertEquals(await paths(fs.walk("a")), [
    "a",
    "a/b",
    "a/b/c",
    "a/b/two.ts",
    "a/hard",
    "a/link",
    "a/one.js",
  ]);
  assertEquals(
    await paths(
      fs.walk("a", { maxDepth: 1, includeDirs: false, exts: [".js"] }),
    ),
    ["a/one.js"],
  );
  assertEquals(
    await paths(fs.walk("/home/sandbox/a", { skip: [/b$/g], match: [/one/] })),
    ["/home/sandbox/a/one.js"],
  );
  assertEquals(await paths(fs.expandGlob("a/**/*.{ts,js}")), [
    "/home/sandbox/a/b/two.ts",
    "/home/sandbox/a/one.js",
  ]);
  assertEquals(await paths(fs.expandGlob("*/one.*")), [
    "/home/sandbox/a/one.js",
  ]);
  await fs.rename("a/hard", "a/soft");
  await assertRejects(() => fs.stat("a/hard"), Deno.errors.NotFound);
  await assertRejects(() => fs.remove("a"), Error, "directory not empty");
  await fs.remove("a", { recursive: true });
  assertEquals(await Array.fromAsync(fs.readDir("/home/sandbox")), []);
  await sandbox
    .sh`mkdir many; cd many; for i in $(seq 3000); do echo > a_rather_long_name_of_a_file_$i; done`;
  assertEquals((await Array.fromAsync(fs.readDir("many"))).length, 3000);
  await fs.remove("many", { recursive: true });
});

test("stat(), chmod(), utime(), truncate(), copyFile(), umask(), temporary files", async () => {
  await using sandbox = await create();
  const { fs } = sandbox;
  await fs.writeTextFile("file", "content");
  await fs.chmod("file", 0o640);
  await fs.utime("file", 1000, new Date(2_000_500));
  const { mode, size, uid, gid, mtime, atime, isFile } = await fs.stat("file");
  assertEquals([mode, size, uid, gid, isFile], [0o100640, 7, 1000, 1000, true]);
  assertEquals([mtime.getTime(), atime.getTime()], [2_000_500, 1_000_000]);
  await fs.truncate("file", 4);
  await fs.copyFile("file", "copy");
  assertEquals(await sandbox.sh`cat copy; stat -c %a copy`.text(), "cont640\n");
  await assertRejects(
    () => fs.chown("file", 0, 0),
    Deno.errors.PermissionDenied,
  );
  assertEquals(await fs.umask(0o077), 0o022);
  assertEquals(await fs.umask(), 0o077);
  await fs.writeTextFile("closed", "");
  assertEquals((await fs.stat("closed")).mode & 0o777, 0o600);
  const dir = await fs.makeTempDir({ prefix: "a-", suffix: "-z" });
  assert(/^\/tmp\/a-\w+-z$/.test(dir), dir);
  const temporary = await fs.makeTempFile({ dir });
  assertEquals((await fs.stat(temporary)).mode, 0o100600);
  await fs.symlink("nowhere", "link");
  assertEquals((await fs.lstat("link")).isSymlink, true);
});

test("FsFile reads, writes, seeks, locks and closes", async () => {
  await using sandbox = await create();
  const { fs } = sandbox;
  await using file = await fs.create("file");
  assertEquals(await file.write(bytes("0123456789")), 10);
  assertEquals(await file.seek(2, SeekMode.Start), 2);
  const buffer = new Uint8Array(3);
  assertEquals([await file.read(buffer), new TextDecoder().decode(buffer)], [
    3,
    "234",
  ]);
  assertEquals(await file.seek(-4, SeekMode.End), 6);
  await file.truncate(8);
  assertEquals((await file.stat()).size, 8);
  await file.utime(5, 6);
  assertEquals((await file.stat()).mtime.getTime(), 6000);
  await file.sync();
  await file.syncData();
  await file.lock(true);
  const held = await sandbox.spawn("sh", {
    args: ["-c", "flock -n file true && echo free || echo held"],
    stdout: "piped",
  });
  assertEquals((await held.output()).stdoutText, "held\n");
  await using other = await fs.open("file", { read: true, write: true });
  const waits = other.lock(true);
  await file.unlock();
  await waits;
  await file.seek(0, SeekMode.Start);
  assertEquals(
    await new Response((await fs.open("file")).readable).text(),
    "01234567",
  );
  await ReadableStream.from([bytes("new")]).pipeTo(
    (await fs.open("file", { write: true, truncate: true })).writable,
  );
  assertEquals(await fs.readTextFile("file"), "new");
  await file.close();
  await assertRejects(() => file.read(buffer), Deno.errors.BadResource);
  await assertRejects(() => fs.open("file", {}), TypeError);
});

test("upload() and download() copy files and directories", async () => {
  await using sandbox = await create();
  await using dir = new TempDir();
  const { fs } = sandbox;
  await Deno.mkdir(`${dir.path}/project/src`, { recursive: true });
  await Deno.writeTextFile(`${dir.path}/project/src/main.ts`, "main", {
    mode: 0o755,
  });
  await Deno.symlink("src/main.ts", `${dir.path}/project/link`);
  await fs.upload(`${dir.path}/project`, ".");
  await fs.upload(`${dir.path}/project/src/main.ts`, "./copy.ts");
  assertEquals(
    await sandbox.sh`cat project/link copy.ts; stat -c %a copy.ts`.text(),
    "mainmain755\n",
  );
  await sandbox
    .sh`cd project; ln -s /etc/passwd absolute; ln -s ../../x up; ln -s .. here; ln -s here/../../x chain; mkfifo fifo; mkdir empty`;
  await fs.download("project", `${dir.path}/back`);
  const back = `${dir.path}/back/project`;
  assertEquals(
    (await Array.fromAsync(Deno.readDir(back))).map(({ name }) => name).sort(),
    [
      "empty",
      "link",
      "src",
    ],
  );
  assertEquals(await Deno.readTextFile(`${back}/link`), "main");
  await fs.download("copy.ts", `${dir.path}/copy.ts`);
  assertEquals(await Deno.readTextFile(`${dir.path}/copy.ts`), "main");
});

test(
  "sandbox, rootless: files have the owner and the rights of a command",
  async () => {
    const stdout = await asUser(
      `
    await using sandbox = await create();
    const { fs } = sandbox;
    await sandbox.sh\`umask 077; echo secret > own\`;
    console.log(await fs.readTextFile("own"));
    await fs.writeTextFile("file", "content", { mode: 0o600 });
    console.log(await sandbox.sh\`stat -c %u:%a file; cat file\`.text());
    await fs.writeFile("large", new Uint8Array(3000000));
    console.log((await fs.readFile("large")).length, await fs.realPath("./large"));
    await using file = await fs.open("large", { write: true });
    await file.utime(1, 2);
    console.log((await file.stat()).mtime.getTime());
    await fs.mkdir("a/b", { recursive: true });
    await fs.remove("a", { recursive: true });
    console.log((await fs.readFile("/etc/shadow").catch((error) => error)).name);`,
      async (rootfs) => {
        await Deno.writeTextFile(`${rootfs}/etc/shadow`, "");
        await Deno.chmod(`${rootfs}/etc/shadow`, 0);
      },
    );
    assertEquals(
      stdout,
      "secret\n\n0:600\ncontent\n3000000 /home/sandbox/large\n2000\nPermissionDenied\n",
    );
  },
  { skip: without("setpriv") },
);
