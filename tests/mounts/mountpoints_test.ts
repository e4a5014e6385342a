/** The places for mounts that are made in a root filesystem, and said. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import {
  CONTAINER,
  container,
  copyRootfs,
  type Mode,
  rootfs,
  shellLine,
  startTerminal,
  TempDir,
  testBoth,
  without,
} from "../_harness.ts";

/** What is said of mountpoints. */
async function said(mode: Mode, ...args: string[]): Promise<string[]> {
  const { stderr } = await container(["run", ...mode.flags, ...args]);
  return stderr.split("\n").filter((line) => /mount/.test(line));
}

const made = (path: string) =>
  `container: created ${path} in the root filesystem for a mount`;

testBoth(
  "a mountpoint that is made in the root filesystem is said, once",
  async (mode) => {
    await using dir = new TempDir();
    const path = await copyRootfs(dir.path);
    await Deno.mkdir(`${path}/there`);
    await Deno.writeTextFile(`${dir.path}/file`, "");
    await Deno.remove(`${path}/sys`, { recursive: true });
    const args = [
      ...["--rootfs", path, "-v", "/usr:/x/y", "-v", "/usr:/there"],
      ...["-v", `${dir.path}/file:/etc/made`, "--tmpfs", "/t"],
      // In a file system in memory, and asked for: neither is worth a word.
      ...["-v", "/usr:/t/inner", "--dir", "/asked"],
    ];
    const first = await said(mode, ...args, "true");
    assertEquals(
      first.toSorted(),
      ["/etc/made", "/sys", "/t", "/x/y"].map(made),
    );
    assertEquals(await said(mode, ...args, "true"), []);
  },
);

testBoth(
  "it is said while the command runs, and where it fails too",
  async (mode) => {
    await using dir = new TempDir();
    const path = await copyRootfs(dir.path);
    const args = (place: string) => ["--rootfs", path, "--tmpfs", place];
    assertEquals(await said(mode, ...args("/one"), "nosuch"), [made("/one")]);
    const two = await said(
      mode,
      ...[...args("/two"), "-v", "/usr:/proc/nosuch", "true"],
    );
    assert(two.includes(made("/two")), two.join());
  },
);

testBoth(
  "-q says nothing of mountpoints, nor do layers or an empty root need to",
  async (mode) => {
    await using dir = new TempDir();
    const path = await copyRootfs(dir.path);
    for (
      const args of [
        ["-q", "--rootfs", path],
        ["--ephemeral", "--rootfs", rootfs()],
        ["--overlay", `${dir.path}/kept`, "--rootfs", rootfs()],
        ["--rootfs", "empty", "--ro-bind", `${rootfs()}/bin:/bin`],
      ]
    ) {
      assertEquals(await said(mode, ...args, "--tmpfs", "/new", "true"), []);
    }
  },
);

testBoth(
  "on a terminal of its own it is said before the command speaks",
  async (mode) => {
    await using dir = new TempDir();
    const path = await copyRootfs(dir.path);
    await using session = startTerminal(
      shellLine([
        ...[...CONTAINER, "run", ...mode.flags, "-t", "--rootfs", path],
        ...["--tmpfs", "/new", "echo", "end"],
      ]),
    );
    await session.end();
    const lines = session.output.split("\n").map((line) => line.trim());
    assertEquals(lines.filter((line) => /end|created/.test(line)).slice(-2), [
      made("/new"),
      "end",
    ]);
  },
  { skip: without("script") },
);
