/**
 * Attacks on the files of a sandbox by what runs inside: links that change all
 * the time, FIFOs, devices, the helper itself, a file system that never answers.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectionClosedError, Sandbox } from "../../mod.ts";
import { Descriptor, O, open } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { cString } from "../../ffi/memory.ts";
import { descendants } from "../_host.ts";
import { copyRootfs, execute, TempDir, without } from "../_harness.ts";
import { asUser, create, test } from "./_sandbox.ts";

test("FIFOs, sockets and devices are refused and never waited for", async () => {
  await using sandbox = await create();
  const { fs } = sandbox;
  await sandbox.sh`mkfifo fifo; ln -s /dev/zero zero; ln -s fifo link`;
  const started = performance.now();
  for (
    const path of [
      "fifo",
      "link",
      "zero",
      "/dev/null",
      "/dev/random",
      "/dev/tty",
      "/dev/ptmx",
    ]
  ) {
    for (
      const act of [
        () => fs.readFile(path),
        () => fs.writeFile(path, new Uint8Array(3)),
        () => fs.writeFile(path, new Uint8Array(200_000)),
        () => fs.open(path, { read: true, write: true }),
        () => fs.truncate(path),
        () => fs.copyFile(path, "copy"),
      ]
    ) await assertRejects(act, Error);
  }
  // Also when somebody waits at the other end.
  const reader = await sandbox.spawn("cat", {
    args: ["fifo"],
    stdout: "piped",
  });
  await assertRejects(
    () => fs.writeTextFile("fifo", "x"),
    Deno.errors.NotSupported,
    "it is a FIFO",
  );
  // It waits for ever if it came to the FIFO after that.
  await reader.kill();
  assertEquals((await reader.output()).stdoutText, "");
  assert(performance.now() - started < 5000);
  await assertRejects(() => fs.readFile("/tmp"), Deno.errors.IsADirectory);
});

test("no path and no swapped link leads out of the root", async () => {
  await using dir = new TempDir();
  const rootfs = await copyRootfs(dir.path);
  await Deno.writeTextFile(`${dir.path}/secret`, "of the host");
  await Deno.chmod(`${dir.path}/secret`, 0o666);
  await using sandbox = await Sandbox.create({ rootfs });
  const { fs } = sandbox;
  const up = "../".repeat(40);
  await sandbox.sh`ln -s ${up}${
    dir.path.slice(1)
  } out; ln -s /proc/1/root pid1; ln -s /proc/1/cwd cwd1; mkdir real; echo inside > real/secret`;
  for (
    const path of [
      `${up}${dir.path}/secret`,
      `${dir.path}/secret`,
      "out/secret",
      `pid1${dir.path}/secret`,
      `cwd1${dir.path}/secret`,
      "/proc/self/root/etc/passwd",
      "/proc/self/fd/0",
    ]
  ) {
    await assertRejects(() => fs.readFile(path), Error);
    await assertRejects(
      () => fs.writeFile(path, new Uint8Array(1), { create: false }),
      Error,
    );
  }
  const swap = await sandbox.spawn("sh", {
    args: [
      "-c",
      "while :; do ln -sfn real a; ln -sfn out a; ln -sfn pid1 a; rm -f a; mkdir a; rmdir a; done",
    ],
    stderr: "null",
  });
  for (let tries = 0; tries < 1500; tries++) {
    const [read, , size] = await Promise.all([
      fs.readTextFile("a/secret").catch(() => ""),
      fs.writeTextFile("a/secret", "inside\n", { create: false }).catch(
        () => {},
      ),
      fs.stat("a/secret").then((info) => info.size, () => 7),
    ]);
    assert(["", "inside\n"].includes(read), read);
    assert([0, 7].includes(size), String(size));
  }
  await swap.kill("SIGKILL");
  await swap.status;
  assertEquals(await Deno.readTextFile(`${dir.path}/secret`), "of the host");
});

test("removing recursively follows no link, also one that appears", async () => {
  await using sandbox = await create();
  await sandbox
    .sh`mkdir -p keep tree/sub; echo x > keep/file; ln -s ../keep tree/link; ln -s /home/sandbox/keep tree/sub/link`;
  await sandbox.fs.remove("tree", { recursive: true });
  assertEquals(await sandbox.sh`cat keep/file; ls`.text(), "x\nkeep\n");
});

for (const rootless of [false, true]) {
  const spy = `for p in /proc/[0-9]*; do cat $p/comm; done; ls /proc/*/exe`;
  test(
    `the helper is out of sight${rootless ? ", rootless" : ""}`,
    async () => {
      const seen = rootless
        ? await asUser(`
        await using sandbox = await create();
        await sandbox.fs.writeTextFile("x", "");
        console.log(await sandbox.sh\`sh -c \${${
          JSON.stringify(spy)
        }}\`.sudo().stderr("null").noThrow().text());`)
        : await (async () => {
          await using sandbox = await create();
          await sandbox.fs.writeTextFile("x", "");
          return await sandbox.sh`sh -c ${spy}`.sudo().stderr("null").noThrow()
            .text();
        })();
      assertEquals(seen.includes("files"), false, seen);
    },
    { skip: rootless ? without("setpriv") : null },
  );
}

test("a helper that is killed is replaced, and none outlives the sandbox", async () => {
  const sandbox = await create();
  await sandbox.fs.writeTextFile("x", "1");
  // It is the process that is in our own PID namespace.
  const helper = descendants(Deno.pid).find(({ pid }) =>
    /^NSpid:\t\d+$/m.test(readText(`/proc/${pid}/status`))
  );
  assert(helper);
  Deno.kill(helper.pid, "SIGKILL");
  await assertRejects(() => sandbox.fs.readTextFile("x"), Error, "was killed");
  assertEquals(await sandbox.fs.readTextFile("x"), "1");
  await sandbox.kill();
  assertEquals(descendants(Deno.pid), []);
  await assertRejects(() => sandbox.fs.readFile("x"), ConnectionClosedError);
});

test("the helper has no rights, no filter less, and no descriptor of the host", async () => {
  await using sandbox = await create();
  await sandbox.fs.writeTextFile("x", "1");
  for (const { pid } of descendants(Deno.pid)) {
    const status = readText(`/proc/${pid}/status`);
    const value = (name: string) =>
      status.match(new RegExp(`^${name}:\\s*(\\S+)`, "m"))![1];
    assertEquals(
      ["CapEff", "CapPrm", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Uid"]
        .map(value),
      [..."0000".split("").map(() => "0000000000000000"), "1", "2", "1000"],
      status,
    );
    const files = (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).map((
      { name },
    ) => Deno.readLinkSync(`/proc/${pid}/fd/${name}`));
    assertEquals(
      files.filter((file) => !/^socket:|^\/dev\/null$/.test(file)),
      [],
    );
    assertEquals(readText(`/proc/${pid}/environ`), "");
  }
});

test(
  "a file system that never answers ends in a time-out, and blocks nothing else",
  async () => {
    await using dir = new TempDir();
    const device = open("/dev/fuse", O.O_RDWR);
    using _device = device;
    const place = `${dir.path}/fuse`;
    await Deno.mkdir(place);
    syscall(
      "mount",
      cString("none"),
      cString(place),
      cString("fuse"),
      0,
      cString(
        `fd=${device.fd},rootmode=40000,user_id=0,group_id=0,allow_other`,
      ),
    );
    try {
      await using sandbox = await create({
        fsTimeout: 300,
        mounts: [{
          destination: "/mnt",
          type: "bind",
          source: dir.path,
          options: ["rbind"],
        }],
      });
      const { fs } = sandbox;
      await fs.writeTextFile("x", "1");
      await assertRejects(
        () => fs.readFile("/mnt/fuse/file"),
        Deno.errors.TimedOut,
        "did not answer within 0.3 seconds",
      );
      assertEquals(await fs.readTextFile("x"), "1");
      // The connection ends, so that the waiting process can.
      device.close();
    } finally {
      device.close();
      syscall("umount2", cString(place), 2);
    }
  },
  { skip: exists("/dev/fuse") },
);

function readText(path: string): string {
  return Deno.readTextFileSync(path);
}

function exists(path: string): string | null {
  try {
    new Descriptor(open(path, O.O_PATH).fd).close();
    return null;
  } catch {
    return `there is no ${path}`;
  }
}

test("download follows no link of an earlier download", async () => {
  await using dir = new TempDir();
  const to = `${dir.path}/to`;
  await Deno.mkdir(to);
  const secret = `${dir.path}/secret`;
  await Deno.writeTextFile(secret, "unchanged");
  await using sandbox = await create();
  const { fs } = sandbox;
  const again = async (script: string) => {
    await sandbox.spawn("sh", { args: ["-c", `rm -rf p; mkdir p; ${script}`] })
      .then((child) => child.status);
    await fs.download("p", to);
  };
  await again("ln -s . p/x");
  assertEquals(await Deno.readLink(`${to}/p/x`), ".");
  // Below the directory by its words; through the link of before it is not.
  await again("mkdir -p p/x/x/x; ln -s ../../../../secret p/x/x/x/l");
  await again("echo attacked > p/l; mkdir p/x; echo new > p/x/l");
  assertEquals(await Deno.readTextFile(secret), "unchanged");
  assertEquals(await Deno.readTextFile(`${to}/p/x/l`), "new\n");
  // The same tree twice.
  await again("ln -s y p/link; echo one > p/y");
  await again("ln -s y p/link; echo two > p/y");
  assertEquals(await Deno.readTextFile(`${to}/p/link`), "two\n");
});

test("upload waits for no FIFO", async () => {
  await using dir = new TempDir();
  await Deno.mkdir(`${dir.path}/up`);
  await execute(["mkfifo", `${dir.path}/up/fifo`]);
  await using sandbox = await create();
  await sandbox.fs.upload(`${dir.path}/up`, "/home/sandbox");
  await assertRejects(
    () => sandbox.fs.upload(`${dir.path}/up/fifo`, "/home/sandbox/fifo"),
    Deno.errors.NotSupported,
  );
});
