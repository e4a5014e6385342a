/** The umask of the caller does not change what a container is made of. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { Daily } from "../_daily.ts";
import {
  copyRootfs,
  execute,
  type Mode,
  NOBODY,
  Nobody,
  rootfs,
  runWords,
  shellLine,
  TempDir,
  test,
  testBoth,
  without,
} from "../_harness.ts";

/** Masks that take all rights from others, from everybody, and from nobody. */
const MASKS = ["077", "777", "000"] as const;

/** Runs words with a umask. */
const masked = (mask: string, words: readonly string[]) =>
  execute(["sh", "-c", `umask ${mask}; exec ${shellLine(words)}`]);

const modeOf = (path: string) =>
  (Deno.statSync(path).mode! & 0o7777).toString(8);

/** Prints the modes of paths inside, as an ordinary user. */
const look = (...paths: string[]) => [
  ...["-u", "nobody", "stat", "-c", "%a %n", ...paths],
];

for (
  const [name, flags] of [
    ["--ephemeral", () => ["--ephemeral"]],
    ["--overlay", (dir: string) => ["--overlay", `${dir}/layers`]],
    ["a root filesystem that lacks mountpoints", () => []],
    ["a user namespace", () => [
      ...["--ephemeral", "--uidmap", "0:100000:65536"],
      ...["--gidmap", "0:100000:65536"],
    ]],
  ] as [string, (dir: string) => string[]][]
) {
  testBoth(`the umask changes nothing with ${name}`, async (mode: Mode) => {
    for (const mask of MASKS) {
      await using dir = new TempDir();
      const root = await copyRootfs(dir.path);
      await Deno.writeTextFile(`${dir.path}/text`, "text\n");
      const { status, stdout, stderr } = await masked(
        mask,
        mode.runWords(
          ...["-q", "--rootfs", root, ...flags(dir.path)],
          ...["-v", "/etc:/new/deep/volume", "--tmpfs", "/new/memory"],
          ...["-v", `${dir.path}/text:/new/bound`, "--dir", "/made/deep"],
          ...["--file", `${dir.path}/text:/made/file`],
          ...["--add-host", "a:1.2.3.4", "--device", "/dev/zero:/dev/other"],
          ...look(
            ...["/", "/new", "/new/deep", "/new/memory", "/made", "/made/deep"],
            ...["/made/file", "/etc/hosts", "/dev", "/dev/null", "/dev/other"],
            ...["/dev/shm", "/dev/pts"],
          ),
        ),
      );
      assertEquals([stderr, status], ["", 0], mask);
      assertEquals(
        stdout,
        "755 /\n755 /new\n755 /new/deep\n1777 /new/memory\n755 /made\n" +
          "755 /made/deep\n644 /made/file\n644 /etc/hosts\n755 /dev\n" +
          "666 /dev/null\n666 /dev/other\n1777 /dev/shm\n755 /dev/pts\n",
        mask,
      );
    }
  });
}

test("an ordinary user's umask changes nothing", async () => {
  await using dir = new TempDir();
  await using nobody = await Nobody.make();
  const root = await copyRootfs(dir.path);
  await Deno.chown(root, NOBODY, NOBODY);
  const words = runWords("-q", "--rootfs", root, "--ephemeral");
  const { status, stdout, stderr } = await execute([
    ...[...nobody.before, "sh", "-c"],
    `umask 077; exec ${
      shellLine([
        ...words,
        ...["--tmpfs", "/new/deep", "stat", "-c", "%a", "/", "/new"],
      ])
    }`,
  ], { env: nobody.env });
  assertEquals([stderr, status, stdout], ["", 0, "755\n755\n"]);
}, { skip: without("setpriv") });

test("the umask changes nothing in a bundle", async () => {
  for (const mask of MASKS) {
    await using bundle = await Bundle.make(
      ["stat", "-c", "%a", "/new", "/new/deep", "/cwd"],
      ({ mounts, process }) => {
        process.cwd = "/cwd";
        mounts.push({
          destination: "/new/deep/place",
          type: "tmpfs",
          source: "tmpfs",
          options: [],
        });
      },
    );
    const { stdout, stderr } = await bundle.execute([
      "sh",
      "-c",
      `umask ${mask}; exec ${
        shellLine(bundle.words("run", "--bundle", bundle.dir.path, "mask"))
      }`,
    ]);
    assertEquals([stdout, stderr], ["755\n755\n755\n", ""], mask);
  }
});

test("the umask does not change the modes of the state", async () => {
  for (const mask of MASKS) {
    await using daily = new Daily();
    const state = `${daily.root}/deep/er`;
    const words = daily.words("--root", state, "run", "-d", "-q", "--rootfs");
    const { stdout, stderr } = await masked(mask, [
      ...[...words, rootfs(), "--name", "one", "sleep", "1000"],
    ]);
    assertEquals(stderr, "");
    const id = stdout.trim();
    try {
      assertEquals(
        [
          `${daily.root}/deep`,
          state,
          `${state}/@names`,
          `${state}/${id}`,
          `${state}/${id}/state.json`,
        ].map(modeOf),
        ["711", "711", "711", "711", "600"],
        mask,
      );
      const [cgroup] = (JSON.parse(
        (await daily.call("--root", state, "inspect", id)).stdout,
      ) as { Cgroups: string[] }[])[0]!.Cgroups;
      assertEquals(modeOf(cgroup!), "755", mask);
    } finally {
      await daily.call("--root", state, "rm", "-f", id);
    }
  }
});
