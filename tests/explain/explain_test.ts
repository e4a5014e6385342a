/** The printed plan. explain_strace_test.ts tests that a run follows it. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { describe } from "../../explain/steps/describe.ts";
import { PHASES, type Plan, type Step } from "../../plan/step.ts";
import {
  CONTAINER,
  container,
  execute,
  Nobody,
  rootfs,
  shellLine,
  TempDir,
  test,
  without,
} from "../_harness.ts";
import { trace } from "../_trace.ts";

const explain = (...args: string[]) =>
  container(["explain", "run", "--rootfs", rootfs(), ...args]);

async function planOf(
  ...args: string[]
): Promise<Plan & { command: string[] }> {
  return JSON.parse((await explain("--json", ...args)).stdout);
}

/** The text with wrapped lines joined again. */
const unwrap = (text: string) =>
  text.replace(/\n {6,}(?!(why|needs|see):)/g, " ");

test("explain run --all prints every step in order, with its reason, its needs and man page", async () => {
  const { status, stdout, stderr } = await explain(
    "--all",
    ...["sh", "-c", "exit 3"],
  );
  const plan = await planOf("sh", "-c", "exit 3");
  const steps = PHASES.flatMap((phase) => plan[phase]);
  assertEquals([status, stderr], [0, ""]);
  const [title] = stdout.split("\n");
  assertEquals(title, `container run sh -c exit 3: ${steps.length} steps`);
  const printed = [
    ...unwrap(stdout).matchAll(
      /^ *(\d+)\. (.*?)(?: \(same as (\d+)\)|\n {6}why: +(.+)(?:\n {6}needs: (.+))?\n {6}see: +(.+))$/gm,
    ),
  ];
  assertEquals(printed.length, steps.length);
  for (const [index, step] of steps.entries()) {
    const [, number, what, as, why, needs, man] = printed[index]!;
    assertEquals([Number(number), what], [
      index + 1,
      describe(step, { names: true }),
    ]);
    if (as) {
      // It refers to an earlier step with the same texts.
      const other = steps[Number(as) - 1]!;
      assert(Number(as) <= index);
      assertEquals([other.step, other.why], [step.step, step.why]);
    } else {
      assertEquals([why, man], [step.why, step.man]);
      // Every supported kernel has what this plan uses.
      assertEquals(needs?.includes("Linux") ?? false, false, needs);
    }
  }
});

test("explain run fits 80 columns, and has no colours without a terminal", async () => {
  for (const flags of [[], ["--all"], ["-d", "--rm"]]) {
    const { stdout } = await explain(...flags, "sh");
    const long = stdout.split("\n").filter((line) => line.length > 80);
    assertEquals(long.filter((line) => line.trim().includes(" ")), []);
    assert(!stdout.includes("\x1b"));
  }
});

test(
  "explain run has colours on a terminal, unless NO_COLOR is set",
  async () => {
    const line = shellLine([...CONTAINER, "explain", "run", "true"]);
    for (
      const [set, colours] of [["unset NO_COLOR", true], ["NO_COLOR=1", false]]
    ) {
      const { stdout } = await execute([
        "script",
        "-qec",
        `${set}; export NO_COLOR; ${line}`,
        "/dev/null",
      ]);
      assertEquals(stdout.includes("\x1b["), colours, String(set));
    }
  },
  { skip: without("script") },
);

test("explain run --json prints the phases, wherever --json stands", async () => {
  const plan = await planOf("sh");
  assertEquals(plan.command, ["sh"]);
  // Without limits and user namespace, nothing is done on the host.
  assertEquals(plan.host, []);
  for (const phase of PHASES.slice(1)) assert(plan[phase].length > 0, phase);
  const { stdout } = await container(
    ["explain", "--json", "run", "--rootfs", rootfs(), "sh"],
  );
  assertEquals(
    JSON.parse(stdout).launch.map(({ step }: Step) => step),
    plan.launch.map(({ step }) => step),
  );
});

test("every step has a reason and a man page", async () => {
  const plan = await planOf("--hostname", "x", "sh");
  for (const step of PHASES.flatMap((phase) => plan[phase])) {
    assert(step.why.length > 15 && !step.why.endsWith("."), step.why);
    assertMatch(step.man, /^[a-z_0-9]+\(\d\)/);
  }
});

test("explain run shows what the flags change", async () => {
  const { stdout } = await explain(
    ...["--all", "--hostname", "box", "-w", "/tmp", "sh"],
  );
  assertStringIncludes(stdout, "set the hostname to box");
  assertStringIncludes(stdout, "change the working directory to /tmp");
  const chroot = await explain("--all", "--chroot", "sh");
  assertStringIncludes(chroot.stdout, "change the root directory to");
});

test("explain run needs no root", async () => {
  await using nobody = await Nobody.make();
  const { status, stdout, stderr } = await container(
    ["explain", "run", "--rootfs", "/usr", "sh"],
    nobody,
  );
  assertEquals([status, stderr], [0, ""]);
  assertStringIncludes(stdout, "container run sh: ");
}, { skip: without("setpriv") });

test("explain run needs no root filesystem", async () => {
  await using dir = new TempDir();
  const { status, stdout } = await container(
    ["explain", "run", "--rootfs", "nowhere", "sh"],
    { cwd: dir.path },
  );
  assertEquals(status, 0);
  assertStringIncludes(stdout, "nowhere");
});

test("explain refuses an unknown command and names the nearest one", async () => {
  assertEquals((await container(["explain"])).status, 125);
  const { status, stderr } = await container(["explain", "rnu", "sh"]);
  assertEquals(status, 125);
  assertStringIncludes(stderr, "Did you mean run?");
  assertEquals((await container(["explain", "run"])).status, 125);
});

test("explain run makes none of the calls that it prints", async () => {
  const explained = await trace(
    [
      "unshare",
      "mount",
      "umount2",
      "pivot_root",
      "sethostname",
      "chroot",
      "clone3",
      "clone",
    ],
    [...CONTAINER, "explain", "run", "--rootfs", rootfs(), "sh"],
  );
  const forks = explained.filter(({ name, args }) =>
    !name.startsWith("clone") || /CLONE_NEW/.test(args)
  );
  assertEquals(forks, []);
}, { skip: without("strace") });
