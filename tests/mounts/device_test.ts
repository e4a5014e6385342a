/** `--device`: which devices of the host are inside, and how they can be opened. */

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

/** A device that containers do not have by default. */
const DEVICE = "/dev/fuse";

const there = (path: string) => {
  try {
    Deno.statSync(path);
    return null;
  } catch {
    return `this machine has no ${path}`;
  }
};

/** Prints type, numbers, mode and owner, in the form of busybox's stat. */
const LOOK = "stat -c '%F %t:%T %a %u:%g'";

async function shell(mode: Mode, script: string, ...flags: string[]) {
  const { stdout, stderr } = await mode.run([
    ...["--ephemeral", ...flags, "sh", "-c", script],
  ]);
  return { stdout, stderr };
}

testBoth(
  "--device HOST gives the host's node, with its mode and owner",
  async (mode) => {
    const host = await execute(["stat", "-c", "%F %t:%T %a %u:%g", DEVICE]);
    assertEquals(
      await shell(
        mode,
        `${LOOK} ${DEVICE}; true < ${DEVICE} && echo opened`,
        "--device",
        DEVICE,
      ),
      { stdout: `${host.stdout}opened\n`, stderr: "" },
    );
  },
  { skip: there(DEVICE) },
);

testBoth(
  "--device HOST:INSIDE puts the node at another path, even outside of /dev",
  async (mode) => {
    const flags = ["--device", "/dev/zero:/mnt/deep/zero:rw"];
    assertEquals(
      await shell(mode, "head -c 3 /mnt/deep/zero | wc -c", ...flags),
      { stdout: "3\n", stderr: "" },
    );
  },
);

testBoth("--device keeps every other device closed", async (mode) => {
  const { stdout } = await shell(
    mode,
    `mknod /tmp/node c 10 229; mknod /dev/node c 10 229
     true < /tmp/node && echo opened; true < /dev/node && echo opened; ls ${DEVICE}`,
    "--device",
    DEVICE,
  );
  assertEquals(stdout, `${DEVICE}\n`);
}, { skip: there(DEVICE) });

testBoth(
  "--device restricts reading or writing by its letters",
  async (mode) => {
    const open = (path: string) =>
      `true < ${path} && echo read; true > ${path} && echo written`;
    const script = `${open("/mnt/device")}; ${open("/dev/null")}`;
    const opened = async (letters: string) =>
      (await shell(
        mode,
        script,
        "--device",
        `${DEVICE}:/mnt/device:${letters}`,
      ))
        .stdout.trim().split("\n");
    assertEquals(await opened("r"), ["read", "read", "written"]);
    assertEquals(await opened("w"), ["written", "read", "written"]);
    assertEquals(await opened("rw"), ["read", "written", "read", "written"]);
    // They also restrict a default device.
    const { stdout } = await shell(
      mode,
      "true < /dev/zero && echo read; true > /dev/zero && echo written",
      "--device=/dev/zero:r",
    );
    assertEquals(stdout, "read\n");
  },
  { skip: there(DEVICE) },
);

testBoth(
  "--device with a limit allows the node in the cgroup, even if it is bind mounted",
  async (mode) => {
    const { stdout, stderr } = await shell(
      mode,
      `for d in ${DEVICE} /asked /dev/tty; do true < $d && echo $d; done 2>/dev/null; true`,
      ...["-m", "128m", "--device", DEVICE, "-v", "/dev/hwrng:/asked"],
    );
    assertEquals([stdout, stderr], [`${DEVICE}\n/asked\n`, ""]);
  },
  { skip: there(DEVICE) ?? there("/dev/hwrng") },
);

testBoth(
  "--device accepts a directory, and all of /dev",
  async (mode) => {
    await using dir = new TempDir();
    await execute(["mkdir", "-p", `${dir.path}/devices/deep`]);
    for (const [name, minor] of [["zero", "5"], ["deep/full", "7"]] as const) {
      await execute(["mknod", `${dir.path}/devices/${name}`, "c", "1", minor]);
    }
    await Deno.writeTextFile(`${dir.path}/devices/text`, "none");
    const { stdout, stderr } = await shell(
      mode,
      "find /dev/mine ! -type d | sort; head -c 2 /dev/mine/deep/full | wc -c",
      ...["--device", `${dir.path}/devices:/dev/mine`],
    );
    assertEquals([stdout, stderr], [
      "/dev/mine/deep/full\n/dev/mine/zero\n2\n",
      "",
    ]);
    const all = await shell(
      mode,
      "ls /dev/pts/ptmx; ls -d /dev/*",
      "--device=/dev",
    );
    assertEquals(all.stderr, "");
    assertMatch(all.stdout, /^\/dev\/pts\/ptmx$[\s\S]*^\/dev\/null$/m);
  },
);

testBoth(
  "rootless: --device bind mounts the host's node, with the rights that it has outside",
  async (mode) => {
    await using dir = new TempDir();
    await using nobody = await Nobody.make();
    const rootfs = await copyRootfs(dir.path);
    await execute(["chown", "-R", "65534:65534", dir.path]);
    const run = (...args: string[]) =>
      mode.run(["--rootfs", rootfs, ...args], nobody);
    const { stdout } = await run(
      ...["--device", "/dev/zero:/dev/other", "--device", DEVICE, "sh", "-c"],
      `head -c 2 /dev/other | wc -c; ls ${DEVICE}; chmod 777 ${DEVICE} 2>/dev/null || echo kept`,
    );
    assertEquals(stdout, `2\n${DEVICE}\nkept\n`);
    assertRefused(
      await run("--device", "/dev/zero:r", "true"),
      125,
      /only root can restrict the access to a device to r\. Remove the letters/,
    );
  },
  { skip: without("setpriv") ?? there(DEVICE) },
);

for (
  const [value, words] of [
    ["/dev/nosuch", /\/dev\/nosuch does not exist on the host/],
    ["/etc/passwd", /not a device.*--volume/],
    ["/etc", /there is no device in this directory.*--volume/],
    ["/dev/null:/dev/x:q", /"q" has letters other than r, w and m/],
    ["null", /not an absolute path/],
    ["/dev/null:/../x", /is not a valid path inside/],
  ] as const
) {
  testBoth(`--device ${value} is refused in one line`, async (mode) => {
    assertRefused(await mode.run(["--device", value, "true"]), 125, words);
  });
}

testBoth(
  "--privileged contradicts restricted access to a device",
  async (mode) => {
    assertRefused(
      await mode.run(["--privileged", "--device=/dev/zero:r", "true"]),
      125,
      /--privileged every device can be read and written/,
    );
  },
);

testBoth(
  "run leaves no node in the root filesystem, not even with --privileged",
  async (mode) => {
    await using dir = new TempDir();
    const rootfs = await copyRootfs(dir.path);
    for (const flags of [[], ["--privileged"], ["--privileged"]]) {
      const { stdout } = await mode.run([
        ...["--rootfs", rootfs, ...flags, "--device", "/dev/zero:/asked"],
        ...["head", "-c", "2", "/asked"],
      ]);
      assertEquals(stdout, "\0\0", flags.join());
      const { isFile, size } = await Deno.stat(`${rootfs}/asked`);
      assertEquals([isFile, size], [true, 0]);
    }
  },
);
