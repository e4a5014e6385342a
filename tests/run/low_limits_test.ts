/**
 * Limits of the caller that are too low for Deno's runtime: one message that
 * names the limit and the cure, before the runtime starts.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import {
  container,
  Nobody,
  rootfs,
  test as hostTest,
  without,
} from "../_harness.ts";
import { skip } from "../_plain.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, { skip: skip ?? without("prlimit") });

/** Both need the runtime. */
const COMMANDS = [
  ["--root", "/nowhere", "ps"],
  ["run", "-q", "--rootfs", rootfs(), "-u", "0", "true"],
];

const MIB = 1 << 20;

for (
  const [flag, limit, message] of [
    [
      "--as",
      2000 * MIB,
      /the limit on address space \(ulimit -v\) is 2048000 KiB, .* ulimit -v unlimited/,
    ],
    [
      // With less, the kernel itself cannot load the program.
      "--data",
      64 * MIB,
      /the limit on the size of data \(ulimit -d\) is 65536 KiB, but at least \d+ KiB/,
    ],
    [
      "--stack",
      64 << 10,
      /the limit on the stack \(ulimit -s\) is 64 KiB, .* ulimit -s 8192/,
    ],
    ["--stack", 24 << 10, /\(ulimit -s\) is 24 KiB/],
    [
      "--nofile",
      12,
      /the limit on open files \(ulimit -n\) is 12, but at least \d+ are needed.* ulimit -n 1024/,
    ],
    ["--nofile", 3, /\(ulimit -n\) is 3,/],
    [
      "--fsize",
      0,
      /the limit on the size of files \(ulimit -f\) is 0 KiB, .* ulimit -f unlimited/,
    ],
  ] as const
) {
  test(`a limit that is too low is named: ${flag} ${limit}`, async () => {
    for (const words of COMMANDS) {
      const before = ["prlimit", `${flag}=${limit}:${limit}`];
      const { status, stdout, stderr } = await container(words, {
        before,
        env: { PATH: "/usr/bin:/bin" },
        clearEnv: true,
      });
      assertEquals([status, stdout], [125, ""], stderr);
      assertMatch(stderr, message);
      assertMatch(stderr, /^container: Cannot start: [^\n]*\n$/);
    }
  });
}

test("a user who may have no more processes is told so", async () => {
  await using nobody = await Nobody.make();
  const before = [...nobody.before, "prlimit", "--nproc=3:3"];
  for (const words of COMMANDS) {
    const { status, stderr } = await container(words, { ...nobody, before });
    assertEquals(status, 125, stderr);
    assertMatch(
      stderr,
      /^container: Cannot start: fewer than \d+ more processes are allowed\. [^\n]*ulimit -u[^\n]*\n$/,
    );
  }
});

test("a missing /proc is named", async () => {
  const script = 'mount -t tmpfs none /proc && exec "$@"';
  const before = ["unshare", "-m", "sh", "-c", script];
  for (const words of COMMANDS) {
    const { status, stderr } = await container(words, {
      before: [...before, "sh"],
    });
    assertEquals(status, 125, stderr);
    assertMatch(
      stderr,
      /^container: Cannot start: \/proc is not mounted[^\n]*mount -t proc proc \/proc\.\n$/,
    );
  }
});

test("what needs no runtime works with low limits", async () => {
  const before = ["prlimit", `--as=${512 * MIB}`, `--stack=${128 << 10}`];
  const version = await container(["--version"], { before });
  assertEquals(version.status, 0, version.stderr);
  const words = ["run", "-q", "--rootfs", rootfs(), "true"];
  const { status, stderr } = await container(words, { before });
  assertEquals([status, stderr], [0, ""]);
});

test("limits that are just enough are accepted", async () => {
  const before = ["prlimit", "--nofile=64", `--stack=${256 << 10}`];
  for (const words of COMMANDS.slice(1)) {
    const { status, stderr } = await container(words, { before });
    assertEquals([status, stderr], [0, ""]);
  }
});
