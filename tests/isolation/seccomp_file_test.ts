/**
 * `run --seccomp FILE` with mistakes in the file: one line that names the file
 * and the place.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { container, rootfs, run, TempDir, test } from "../_harness.ts";

const allowing = (rules: unknown) =>
  JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: rules });

const rule = (fields: Record<string, unknown>) =>
  allowing([{ names: ["read"], action: "SCMP_ACT_ERRNO", ...fields }]);

/** Contents of the file, and the message for them. */
const MISTAKES: readonly [text: string, complaint: string][] = [
  ["", "it is not JSON: "],
  ["{]", "it is not JSON: "],
  ["[]", "the top level: expected an object"],
  ["null", "the top level: expected an object"],
  ["{}", "defaultAction: missing"],
  ['{"defaultAction": 5}', "defaultAction: unknown value 5"],
  ['{"defaultAction": "SCMP_ACT_NO"}', 'unknown value "SCMP_ACT_NO"'],
  [
    '{"defaultAction": "SCMP_ACT_NOTIFY"}',
    "SCMP_ACT_NOTIFY needs an agent",
  ],
  [
    '{"defaultAction": "SCMP_ACT_ALLOW", "syscals": []}',
    "syscals: unknown property",
  ],
  [
    '{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["X"]}',
    'flags[0]: unknown value "X"',
  ],
  [
    '{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["x86"]}',
    'architectures[0]: unknown value "x86"',
  ],
  [allowing({}), "syscalls: expected an array"],
  [allowing([5]), "syscalls[0]: expected an object"],
  [rule({ names: "read" }), "syscalls[0].names: expected an array"],
  [rule({ names: [3] }), "syscalls[0].names[0]: expected a name"],
  [
    rule({ names: [] }),
    "syscalls[0].names: expected the name of a system call",
  ],
  [rule({ action: "ALLOW" }), 'syscalls[0].action: unknown value "ALLOW"'],
  [
    rule({ errnoRet: -1 }),
    "syscalls[0].errnoRet: expected a number from 0 to 4095",
  ],
  [
    rule({ args: [{ index: 6, value: 1, op: "SCMP_CMP_EQ" }] }),
    "syscalls[0].args[0].index: expected a number from 0 to 5",
  ],
  [
    rule({ args: [{ index: 0, value: "1", op: "SCMP_CMP_EQ" }] }),
    "syscalls[0].args[0].value: expected a whole number",
  ],
];

test("--seccomp FILE reports each mistake in one line, with file and place", async () => {
  await using dir = new TempDir();
  const path = `${dir.path}/profile.json`;
  for (const [text, complaint] of MISTAKES) {
    await Deno.writeTextFile(path, text);
    const { status, stdout, stderr } = await run(["--seccomp", path, "true"]);
    assertEquals([status, stdout], [125, ""], text);
    assertEquals(stderr.split("\n").length, 2, stderr);
    assertStringIncludes(
      stderr,
      `container: Cannot read the seccomp profile ${path}: `,
    );
    assertStringIncludes(stderr, complaint);
  }
  const directory = await run(["--seccomp", dir.path, "true"]);
  assertEquals(directory.status, 125);
  assertStringIncludes(directory.stderr, `${dir.path}: it is a directory. `);
  const none = await run(["--seccomp", "", "true"]);
  assertEquals([none.status, none.stdout], [125, ""]);
  assertStringIncludes(
    none.stderr,
    "container: --seccomp: the profile is missing",
  );
});

test("--seccomp FILE warns of names that no system call has", async () => {
  await using dir = new TempDir();
  const path = `${dir.path}/profile.json`;
  await Deno.writeTextFile(
    path,
    allowing([{
      names: ["raed", "set_tls", "raed", "futex"],
      action: "SCMP_ACT_ALLOW",
    }]),
  );
  const words = ["--rootfs", rootfs(), "--seccomp", path, "true"];
  const said = `ignored in ${path}: raed (unknown system calls)`;
  const ran = await container(["run", ...words]);
  assertEquals(ran.status, 0);
  assertStringIncludes(ran.stderr, `container: ${said}\n`);
  const explained = await container(["explain", "--all", "run", ...words]);
  // Wrapped to the width of the page.
  assertStringIncludes(explained.stdout.replace(/\n +/g, " "), said);
  assertEquals((await container(["run", "-q", ...words])).stderr, "");
});

test("--seccomp FILE reports a profile that refuses execve", async () => {
  await using dir = new TempDir();
  const path = `${dir.path}/profile.json`;
  await Deno.writeTextFile(path, '{"defaultAction": "SCMP_ACT_ERRNO"}');
  for (const flags of [[], ["--no-init"]]) {
    const { status, stdout, stderr } = await run(
      [...flags, "--seccomp", path, "true"],
    );
    assertEquals([status, stdout], [125, ""]);
    assertEquals(stderr.split("\n").length, 2, stderr);
    assertStringIncludes(
      stderr,
      "Check whether the seccomp profile allows execve.",
    );
  }
});
