/**
 * Standard streams that are the host's null device. Root inside can change the
 * mode of every open file, so no stream may be the host's node. That holds for
 * every way of starting a command, and whatever is at /dev in the container.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { EVERYONE, MODES, Target } from "../_attack.ts";
import { Bundle } from "../_bundle.ts";
import { CONTAINER, copyRootfs, execute, TempDir, test } from "../_harness.ts";
import { shell } from "../_library.ts";

/** Prints which node a stream is, and that it is a null device. */
const LOOK = "stat -L -c '%d:%i %t,%T' /proc/self/fd/0";

const nodeOf = ({ dev, ino }: Deno.FileInfo) => `${dev}:${ino}`;
const hosts = () => nodeOf(Deno.statSync("/dev/null"));

/** Asserts a null device that is not the host's node. */
function assertOwn(stdout: string, what: string): void {
  const [node, device] = stdout.trim().split(" ");
  assertEquals(device, "1,3", what);
  assertNotEquals(node, hosts(), what);
}

for (const { mode, flags } of MODES) {
  test(`run replaces a null device as stream by the container's own (${mode})`, async () => {
    await using dir = new TempDir();
    const rootfs = await copyRootfs(dir.path);
    const way = [...CONTAINER, "run", "-q", ...flags, "--rootfs", rootfs];
    // The first is a run without Deno.
    for (const more of [[], ["-u", "0"], ["--privileged"], ["--chroot"]]) {
      const { status, stdout, stderr } = await execute([
        ...way,
        ...more,
        ...["sh", "-c", `readlink /proc/self/fd/0; ${LOOK}`],
      ]);
      assertEquals([status, stderr], [0, ""], more.join(" "));
      const [name, found = ""] = stdout.split("\n");
      assertEquals(name, "/dev/null");
      assertOwn(found, more.join(" "));
    }
  });

  test(`run does not start if /dev of the root filesystem leads into /proc (${mode})`, async () => {
    await using dir = new TempDir();
    const rootfs = await copyRootfs(dir.path);
    await Deno.remove(`${rootfs}/dev`, { recursive: true });
    const way = [...CONTAINER, "run", "-q", ...flags, "--rootfs", rootfs];
    for (const link of ["fd", "task", "ns", "attr"]) {
      await Deno.symlink(`/proc/self/${link}`, `${rootfs}/dev`);
      const { status, stdout, stderr } = await execute([
        ...way,
        ...["chmod", "600", "/proc/self/fd/0"],
      ]);
      assertEquals([status, stdout], [125, ""], link);
      assertMatch(stderr, /^container: Cannot mount .+\(ELOOP\)\. .+\n$/);
      await Deno.remove(`${rootfs}/dev`);
    }
    const { mode: after } = await Deno.stat("/dev/null");
    assertEquals(after! & 0o777, 0o666);
  });
}

test("run --bundle replaces a null stream by the container's own, or fails", async () => {
  await using bundle = await Bundle.make(["sh", "-c", LOOK]);
  const { path } = bundle.dir;
  const file = `${path}/config.json`;
  const plain = JSON.parse(await Deno.readTextFile(file));
  const run = (id: string, change: (config: typeof plain) => void) => {
    const config = structuredClone(plain);
    change(config);
    Deno.writeTextFileSync(file, JSON.stringify(config));
    return bundle.call("run", "--bundle", path, id);
  };
  const own = await run("own", () => {});
  assertEquals([own.status, own.stderr], [0, ""]);
  assertOwn(own.stdout, "a /dev of its own");
  // This root filesystem has nothing at /dev/null.
  const none = await run("none", (config) => {
    config.mounts = config.mounts.filter(
      ({ destination }: { destination: string }) =>
        !destination.startsWith("/dev"),
    );
  });
  assertEquals([none.status, none.stderr], [0, ""]);
  assertOwn(none.stdout, "no /dev");
  const lent = await run("lent", (config) => {
    config.process.args = ["sh", "-c", "chmod 666 /proc/self/fd/0 || exit 7"];
    config.mounts = config.mounts.filter(
      ({ destination }: { destination: string }) => destination === "/proc",
    );
    config.linux.namespaces.push({ type: "user" });
    config.linux.uidMappings = config.linux.gidMappings = [
      { containerID: 0, hostID: 0, size: 65536 },
    ];
  });
  assertEquals(lent.status, 7);
  assertMatch(lent.stderr, /Read-only file system/);
  const zero = await run("zero", (config) => {
    config.linux.devices = [
      { path: "/dev/null", type: "c", major: 1, minor: 5 },
    ];
  });
  assertEquals([zero.status, zero.stdout], [125, ""]);
  assertMatch(zero.stderr, /\/dev\/null as descriptor 0: .+ \(ENODEV\)\. /);
});

test("exec replaces a null stream, whatever root inside has put at /dev/null", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"], (config) => {
    Object.assign(config.process, { noNewPrivileges: false });
  });
  await bundle.create("box");
  await bundle.does("start", "box");
  const change = async (script: string) => {
    const { status, stderr } = await bundle.call(
      ...["exec", "box", "sh", "-c", script] as const,
    );
    assertEquals([status, stderr], [0, ""], script);
  };
  const own = await bundle.does("exec", "box", "sh", "-c", LOOK);
  assertOwn(own, "as it is");
  for (
    const script of [
      "umount /dev/null 2>/dev/null; rm /dev/null",
      "ln -s /proc/self/fd/0 /dev/null",
      "rm /dev/null; echo text > /dev/null",
      "rm /dev/null; mkdir /dev/null",
      "rmdir /dev/null; mkfifo /dev/null",
    ]
  ) {
    await change(script);
    assertOwn(await bundle.does("exec", "box", "sh", "-c", LOOK), script);
  }
});

for (const { name, flags, rootless, skip } of EVERYONE) {
  test(
    `root inside cannot change the null device that is its stream (${name})`,
    async () => {
      await using target = await Target.make({ flags, rootless });
      const { status, stderr } = await target.run([
        ...rootless ? [] : ["--userns"],
        ...["sh", "-c", "chmod 666 /proc/self/fd/0 || exit 7"],
      ]);
      assertEquals(status, 7);
      assertMatch(stderr, /Read-only file system/);
    },
    { skip },
  );
}

test("the library replaces a null stream by the container's own", async () => {
  assertOwn((await shell(LOOK)).stdout, "the library");
});
