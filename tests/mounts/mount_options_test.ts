/**
 * The options of -v and similar flags: their effect, and the message for
 * unknown ones.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  copyRootfs,
  execute,
  type Mode,
  run,
  TempDir,
  test,
  testBoth,
  without,
} from "../_harness.ts";
import { assertRefused } from "../_refused.ts";

/**
 * Runs a test with a directory of the host that has a mount below it, in a
 * mount namespace of its own.
 */
async function withBelow(
  mode: Mode,
  args: (source: string) => string[],
  setup = "",
): Promise<string> {
  await using dir = new TempDir();
  const source = `${dir.path}/source`;
  await Deno.mkdir(`${source}/below`, { recursive: true });
  const { stdout, stderr } = await execute([
    ...["unshare", "-m", "--propagation", "private", "sh", "-c"],
    `src="$1"; shift; ${setup}
     mount -t tmpfs none "$src/below"; touch "$src/below/there"; exec "$@"`,
    "sh",
    source,
    ...mode.runWords("-q", "--ephemeral", ...args(source)),
  ]);
  assertEquals(stderr, "");
  return stdout;
}

const skip = without("unshare");

testBoth(
  "-v shows the mounts below its source, and with bind it does not",
  async (mode) => {
    const names = (options: string) =>
      withBelow(mode, (source) => [
        ...[
          "-v",
          `${source}:/mnt${options}`,
          "sh",
          "-c",
          "ls /mnt/below; grep -c ' /mnt' /proc/self/mountinfo",
        ],
      ]);
    assertEquals(await names(""), "there\n2\n");
    assertEquals(await names(":rbind"), "there\n2\n");
    assertEquals(await names(":bind"), "1\n");
  },
  { skip },
);

testBoth(
  "ro, rro, noexec, nosuid and nodev also apply to the mounts below",
  async (mode) => {
    for (const option of ["ro", "rro", "noexec", "nosuid", "nodev"]) {
      const stdout = await withBelow(mode, (source) => [
        ...["--privileged", "-v", `${source}:/mnt:${option}`],
        ...["grep", " /mnt", "/proc/self/mountinfo"],
      ]);
      const found = stdout.trim().split("\n").map((line) =>
        line.split(" ")[5]!
      );
      assertEquals(found.length, 2, option);
      const word = option.replace("rro", "ro");
      for (const flags of found) {
        assert(
          flags.split(",").includes(word),
          `${option}: ${flags}`,
        );
      }
    }
  },
  { skip },
);

testBoth(
  "-v is private by default, even if another mount receives propagation",
  async (mode) => {
    // The optional fields show which mounts receive propagation.
    const stdout = await withBelow(
      mode,
      (source) => [
        ...["-v", `${source}:/plain`, "-v", `${source}:/told:rslave`],
        ...["-v", `${source}:/top:slave`, "sh", "-c"],
        "grep -E ' /(plain|told|top)' /proc/self/mountinfo | cut -d ' ' -f 5,7 | sort",
      ],
      'mount --bind "$src" "$src"; mount --make-rshared "$src"',
    );
    const [plain, plainBelow, told, toldBelow, top] = stdout.trim().split("\n");
    assertEquals([plain, plainBelow], ["/plain -", "/plain/below -"]);
    assertMatch(told!, /^\/told master:\d+$/);
    assertMatch(toldBelow!, /^\/told\/below master:\d+$/);
    assertMatch(top!, /^\/top master:\d+$/);
  },
  { skip },
);

testBoth(
  "-v in a user namespace accepts a source that only its owner may enter",
  async (mode) => {
    await using dir = new TempDir();
    const rootfs = await copyRootfs(dir.path);
    await Deno.mkdir(`${rootfs}/mnt`, { recursive: true });
    await Deno.mkdir(`${dir.path}/closed/in`, { recursive: true });
    await Deno.writeTextFile(`${dir.path}/closed/in/file`, "text\n");
    await Deno.chown(`${dir.path}/closed`, 1234, 1234);
    await Deno.chmod(`${dir.path}/closed`, 0o700);
    const { stdout, stderr } = await mode.run([
      ...["--rootfs", rootfs, "--uidmap", "0:100000:9", "--gidmap"],
      ...["0:100000:9", "-v", `${dir.path}/closed/in:/mnt`, "cat", "/mnt/file"],
    ]);
    assertEquals([stdout, stderr], ["text\n", ""]);
  },
);

testBoth(
  "rw, dev, exec and suid lift restrictions of the host's mount, except in a user namespace",
  async (mode) => {
    await using dir = new TempDir();
    const source = `${dir.path}/source`;
    await Deno.mkdir(source);
    const look = (...flags: string[]) =>
      execute([
        ...["unshare", "-m", "--propagation", "private", "sh", "-c"],
        'mount -t tmpfs -o ro,nosuid,nodev,noexec none "$0"; exec "$@"',
        source,
        ...mode.runWords("-q", "--ephemeral", ...flags),
        ...["-v", `${source}:/mnt:rw,dev,exec,suid`],
        ...["grep", " /mnt ", "/proc/self/mountinfo"],
      ]);
    const { stdout } = await look("--privileged");
    assertEquals(stdout.split(" ")[5], "rw,relatime");
    assertRefused(
      await look("--userns"),
      125,
      /In a user namespace a host mount keeps its restrictions/,
    );
  },
  { skip },
);

testBoth("z, Z, nocopy and consistent have no effect", async (mode) => {
  await using dir = new TempDir();
  await Deno.writeTextFile(`${dir.path}/file`, "text\n");
  for (const option of ["z", "Z", "nocopy", "z,ro", "consistent", "rw,z"]) {
    const { status, stdout, stderr } = await mode.run([
      ...[
        "--ephemeral",
        "-v",
        `${dir.path}:/mnt:${option}`,
        "cat",
        "/mnt/file",
      ],
    ]);
    assertEquals([status, stdout, stderr], [0, "text\n", ""], option);
  }
});

test("-v refuses an unknown option with the nearest one, and status 125", async () => {
  const refused = async (words: RegExp, ...args: string[]) =>
    assertRefused(await run([...args, "true"]), 125, words);
  for (
    const [given, meant] of [
      ["nosiud", "nosuid"],
      ["noexe", "noexec"],
      ["rsalve", "rslave"],
      ["RO", "ro"],
      ["idmpa", "idmap"],
      ["pirvate", "private"],
    ]
  ) {
    await refused(
      new RegExp(`unknown option ${given}\\. Did you mean ${meant}\\?`),
      "-v",
      `/usr:/mnt:${given}`,
    );
  }
  await refused(
    /unknown option xyzzyplugh\. The options include/,
    "-v",
    "/usr:/mnt:xyzzyplugh",
  );
  await refused(
    /Did you mean readonly\?/,
    "--mount",
    "type=bind,src=/usr,dst=/mnt,raedonly",
  );
  await refused(/Did you mean size\?/, "--tmpfs", "/mnt:szie=1m");
  await refused(/Did you mean mode\?/, "--mount", "type=tmpfs,dst=/mnt,moed=7");
  await refused(/ro and rw cannot be used together/, "-v", "/usr:/mnt:ro,rw");
  await refused(
    /slave and rprivate cannot be used together/,
    "-v",
    "/usr:/mnt:slave,rprivate",
  );
  await refused(
    /bind and rbind cannot be used together/,
    "-v",
    "/usr:/mnt:rbind,bind",
  );
  await refused(/more than SRC:DST:OPTIONS.*--mount/, "-v", "/usr:/mnt:ro:rw");
  await refused(
    /bind-recursive=no is not one of/,
    "--mount",
    "src=/usr,dst=/mnt,bind-recursive=no",
  );
});

testBoth("a mount at / is refused, however it is written", async (mode) => {
  await using dir = new TempDir();
  for (
    const flags of [
      ["-v", `${dir.path}:/`],
      ["-v", `${dir.path}:/mnt/..`],
      ["--mount", `type=bind,src=${dir.path},dst=//.`],
      ["--tmpfs", "/"],
      ["--dir", "/"],
    ]
  ) {
    assertRefused(
      await mode.run([...flags, "true"]),
      125,
      /Cannot mount .* at \S+: the root filesystem is there\. Use --rootfs DIR/,
    );
  }
});

testBoth("--mount type=tmpfs has the defaults of --tmpfs", async (mode) => {
  const options = async (...flags: string[]) => {
    const script = "grep ' /t ' /proc/self/mounts; stat -c %a /t";
    const { stdout, stderr } = await mode.run([
      ...["--ephemeral", ...flags],
      ...["sh", "-c", script],
    ]);
    assertEquals(stderr, "");
    return stdout;
  };
  const usual = await options("--tmpfs", "/t");
  assertMatch(usual, /\brw,nosuid,nodev,noexec,.*\n1777\n$/);
  assertEquals(await options("--mount", "type=tmpfs,dst=/t"), usual);
  const open = await options("--tmpfs", "/t:exec,suid,dev,mode=700");
  assertMatch(open, / rw,relatime,.*\n700\n$/);
  const given = "type=tmpfs,dst=/t,exec,suid,dev,tmpfs-mode=700";
  assertEquals(await options("--mount", given), open);
});
