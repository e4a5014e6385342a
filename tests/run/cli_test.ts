/** The command line: help, version, and words that the program does not know. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { GLOBAL_FLAGS } from "../../cli/oci/global.ts";
import { container, test } from "../_harness.ts";
import { assertRefused } from "../_refused.ts";
import config from "../../deno.json" with { type: "json" };

test("container without arguments, with --help, -h or help prints the same help", async () => {
  const { status, stdout, stderr } = await container([]);
  assertEquals([status, stderr], [0, ""]);
  assertMatch(stdout, /^container runs a command.*\n\nUsage: container/);
  for (const args of [["--help"], ["-h"], ["help"]]) {
    assertEquals((await container(args)).stdout, stdout);
  }
});

test("container help lists every command except child", async () => {
  const { stdout } = await container(["--help"]);
  assertMatch(stdout, /^ {2}run {2,}\S/m);
  assertMatch(stdout, /^ {2}explain {2,}\S/m);
  assertEquals(/^ {2}child/m.test(stdout), false);
});

for (const command of ["run", "explain"]) {
  test(`${command} --help, -h and help ${command} print the command's help`, async () => {
    const { status, stdout, stderr } = await container([command, "--help"]);
    assertEquals([status, stderr], [0, ""]);
    assertStringIncludes(stdout, `Usage: container ${command} `);
    assertStringIncludes(stdout, "Examples:");
    assertMatch(stdout, / --help +Show this help/);
    assertEquals((await container([command, "-h"])).stdout, stdout);
    assertEquals((await container(["help", command])).stdout, stdout);
  });
}

test("run --help lists every flag", async () => {
  const { stdout } = await container(["run", "--help"]);
  for (
    const flag of [
      "--rootfs DIR",
      "--hostname NAME",
      "-e, --env K=V",
      "--env-host",
      "-w, --workdir DIR",
      "-q, --quiet",
      "--debug",
    ]
  ) assertStringIncludes(stdout, ` ${flag} `);
});

test("--help wins over errors before it, and is not searched in the command's words", async () => {
  const { status, stdout } = await container(
    ["run", "--hostname", "x", "--help", "true"],
  );
  assertEquals(status, 0);
  assertStringIncludes(stdout, "Usage: container run");
});

test("container help fits a terminal of 80 columns", async () => {
  for (const args of [["--help"], ["run", "--help"], ["explain", "--help"]]) {
    const { stdout } = await container(args);
    const long = stdout.split("\n").filter((line) => line.length > 100);
    assertEquals(long, []);
  }
});

test("--version and --help may follow flags of the program", async () => {
  const version = await container(["--root", "/nowhere", "--version"]);
  assertEquals(version.stdout, `container version ${config.version}\n`);
  const help = await container(["--debug", "-h"]);
  assertEquals([help.status, help.stderr], [0, ""]);
  assertMatch(help.stdout, /^Usage: container \[flags\] COMMAND/m);
});

for (const flag of ["--version", "-version", "-v"]) {
  test(`${flag} prints the version of deno.json`, async () => {
    const { stdout } = await container([flag]);
    assertEquals(stdout, `container version ${config.version}\n`);
  });
}

for (
  const [word, near] of [
    ["rnu", "run"],
    ["explian", "explain"],
    ["RUN", "run"],
    ["--versoin", "--version"],
    ["-V", "--version"],
    ["--rot", "--root"],
    ["--xyzzy", null],
    ["/bin/sh", null],
    ["", null],
  ] as const
) {
  test(`container refuses ${word || "an empty word"} as first word and names what is near`, async () => {
    const { status, stdout, stderr } = await container([word]);
    assertEquals([status, stdout], [125, ""]);
    assertMatch(stderr, /^container: Unknown [^\n]{1,80}\n$/);
    assertStringIncludes(
      stderr,
      near ? `Did you mean ${near}?` : "See container --help.",
    );
  });
}

test("container help lists the flags before a command", async () => {
  const { stdout } = await container(["--help"]);
  for (const { name } of GLOBAL_FLAGS) assertMatch(stdout, flagLine(name));
  assertMatch(stdout, flagLine("version"));
});

const flagLine = (name: string) => new RegExp(`^ +(-., )?--${name} `, "m");

test("a flag before the command with an invalid value is a usage error", async () => {
  for (
    const [flag, words] of [
      ["--log-format=xml", /--log-format xml: not one of text, json/],
      ["--cgroup-manager=no", /not one of cgroupfs, systemd, disabled/],
      ["--rootless=maybe", /not one of true, false, auto/],
      ["--root=", /--root: the path is empty/],
      ["--log=", /--log: the path is empty/],
    ] as const
  ) {
    assertRefused(await container([flag, "list"]), 125, words);
  }
});

test("--debug before the command also shows stack traces", async () => {
  const { status, stderr } = await container(
    ["--debug", "run", "-q", "--rootfs", "/nowhere", "true"],
  );
  assertEquals(status, 125);
  assertMatch(stderr, /^container: Cannot use.*\n[\s\S]*\n +at /);
});

test("a log that cannot be written is reported before anything is done", async () => {
  const { status, stderr } = await container(
    ["--log", "/nowhere/log", "run", "-q", "--rootfs", "/nowhere", "true"],
  );
  assertEquals(status, 125);
  assertMatch(
    stderr,
    /^container: Cannot write the log \/nowhere\/log: no such file or directory\. .*another file with --log\.\n$/,
  );
});

test("no output contains colours or other escape sequences", async () => {
  for (
    const args of [["--help"], ["run", "--help"], ["nonsense"], [
      "explain",
      "run",
      "sh",
    ]]
  ) {
    const { stdout, stderr } = await container(args, { env: { NO_COLOR: "" } });
    // deno-lint-ignore no-control-regex
    assertEquals(/\x1b/.test(stdout + stderr), false);
  }
});
