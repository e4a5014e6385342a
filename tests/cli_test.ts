/** The command line: help, version and what is not understood. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { container, test } from "./_harness.ts";
import config from "../deno.json" with { type: "json" };

test("no arguments, --help, -h and help print the same help", async () => {
  const { status, stdout, stderr } = await container([]);
  assertEquals([status, stderr], [0, ""]);
  assertMatch(stdout, /^container runs a command.*\n\nUsage: container/);
  for (const args of [["--help"], ["-h"], ["help"]]) {
    assertEquals((await container(args)).stdout, stdout);
  }
});

test("help shows every command there is but not the child", async () => {
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
    assertMatch(stdout, / {2}-h, --help +Show this help/);
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

test("help wins over what else is wrong before it, and ends at the command", async () => {
  const { status, stdout } = await container(
    ["run", "--hostname", "x", "--help", "true"],
  );
  assertEquals(status, 0);
  assertStringIncludes(stdout, "Usage: container run");
});

test("help fits a terminal of 80 columns", async () => {
  for (const args of [["--help"], ["run", "--help"], ["explain", "--help"]]) {
    const { stdout } = await container(args);
    const long = stdout.split("\n").filter((line) => line.length > 100);
    assertEquals(long, []);
  }
});

test("--version prints the version of deno.json", async () => {
  const { stdout } = await container(["--version"]);
  assertEquals(stdout, `container version ${config.version}\n`);
});

for (
  const [word, near] of [
    ["rnu", "run"],
    ["explian", "explain"],
    [
      "RUN",
      null,
    ],
    ["--versoin", null],
    ["/bin/sh", null],
    ["", null],
  ] as const
) {
  test(`${word || "an empty word"} as first word is a usage error that names the commands`, async () => {
    const { status, stdout, stderr } = await container([word]);
    assertEquals([status, stdout], [2, ""]);
    assertMatch(stderr, /^container: [^\n]*run, explain[^\n]*\n$/);
    if (near) assertStringIncludes(stderr, `Did you mean ${near}?`);
  });
}

test("no output holds a colour or another escape", async () => {
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
