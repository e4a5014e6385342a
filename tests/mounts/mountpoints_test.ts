/** Mountpoints that are made in a root filesystem are reported. */

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

/** The messages about mountpoints. */
async function said(mode: Mode, ...args: string[]): Promise<string[]> {
  const { stderr } = await container(["run", ...mode.flags, ...args]);
  return stderr.split("\n").filter((line) => /mount/.test(line));
}

const made = (path: string) =>
  `container: created ${path} in the root filesystem for a mount`;

testBoth(
  "run reports each mountpoint that it makes in the root filesystem once",
  async (mode) => {
    await using dir = new TempDir();
    const path = await copyRootfs(dir.path);
    await Deno.mkdir(`${path}/there`);
    await Deno.writeTextFile(`${dir.path}/file`, "");
    await Deno.remove(`${path}/sys`, { recursive: true });
    const args = [
      ...["--rootfs", path, "-v", "/usr:/x/y", "-v", "/usr:/there"],
      ...["-v", `${dir.path}/file:/etc/made`, "--tmpfs", "/t"],
      // Neither one in a file system in memory nor one that was asked for is
      // reported.
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
  "run reports it while the command runs, and also if the command fails",
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
  "-q reports no mountpoints, and neither do layers or an empty root",
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
  "run on a terminal reports it before the command prints anything",
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
