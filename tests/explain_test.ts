/** The plan as it is shown, and that the real run is that plan. */

// @ts-types="../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { lower } from "../launch/lower.ts";
import { describe } from "../plan/describe.ts";
import { PHASES, type Plan, type Step } from "../plan/step.ts";
import {
  CONTAINER,
  container,
  copyRootfs,
  execute,
  Nobody,
  rootfs,
  runWords,
  TempDir,
  test,
  without,
} from "./_harness.ts";

const explain = (...args: string[]) =>
  container(["explain", "run", "--rootfs", rootfs(), ...args]);

async function planOf(
  ...args: string[]
): Promise<Plan & { command: string[] }> {
  return JSON.parse((await explain("--json", ...args)).stdout);
}

test("explain run prints every step in order, with its reason and man page", async () => {
  const { status, stdout, stderr } = await explain("sh", "-c", "exit 3");
  const plan = await planOf("sh", "-c", "exit 3");
  const steps = PHASES.flatMap((phase) => plan[phase]);
  assertEquals([status, stderr], [0, ""]);
  const [title] = stdout.split("\n");
  assertEquals(title, `container run sh -c exit 3: ${steps.length} steps`);
  const printed = [
    ...stdout.matchAll(/^ *(\d+)\. (.*)\n {6}why: (.+)\n {6}see: (.+)$/gm),
  ].map(([, number, what, why, man]) => [Number(number), what, why, man]);
  assertEquals(
    printed,
    steps.map((step, i) => [i + 1, describe(step), step.why, step.man]),
  );
});

test("explain run --json gives the phases, wherever --json stands", async () => {
  const plan = await planOf("sh");
  assertEquals(plan.command, ["sh"]);
  // Without limits and user namespace, there is nothing to do on the host.
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

test("each step has a reason that is a sentence of its own", async () => {
  const plan = await planOf("--hostname", "x", "sh");
  for (const step of PHASES.flatMap((phase) => plan[phase])) {
    assert(step.why.length > 15 && !step.why.endsWith("."), step.why);
    assertMatch(step.man, /^[a-z_0-9]+\(\d\)/);
  }
});

test("explain run shows what the flags change", async () => {
  const { stdout } = await explain("--hostname", "box", "-w", "/tmp", "sh");
  assertStringIncludes(stdout, "set the hostname to box");
  assertStringIncludes(stdout, "change the working directory to /tmp");
  const chroot = await explain("--chroot", "sh");
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

test("explain of what it does not know is a usage error that names the nearest", async () => {
  assertEquals((await container(["explain"])).status, 2);
  const { status, stderr } = await container(["explain", "rnu", "sh"]);
  assertEquals(status, 2);
  assertStringIncludes(stderr, "Did you mean run?");
  assertEquals((await container(["explain", "run"])).status, 2);
});

/** The calls that change something and that nothing but a plan makes. */
const TRACED = [
  "unshare",
  "mount",
  "umount2",
  "pivot_root",
  "sethostname",
  "chroot",
  "chdir",
  "mkdirat",
  "setpgid",
  "execveat",
  "close_range",
  "kill",
];

interface Traced {
  pid: string;
  name: string;
  text: string;
}

/** strace's lines, each call whole, in the order in which they began. */
function parseTrace(text: string): Traced[] {
  const calls: Traced[] = [];
  for (const line of text.split("\n")) {
    const call = line.match(/^(\d+) +(\w+)\((.*)$/);
    if (call) calls.push({ pid: call[1]!, name: call[2]!, text: call[3]! });
  }
  return calls;
}

async function trace(
  names: readonly string[],
  words: readonly string[],
): Promise<Traced[]> {
  await using dir = new TempDir();
  const file = `${dir.path}/trace`;
  const { status, stderr } = await execute([
    "strace",
    "-f",
    "-s",
    "4096",
    "-e",
    `trace=${names.join(",")}`,
    "-e",
    "signal=none",
    "-o",
    file,
    ...words,
  ]);
  assertEquals([status, stderr], [0, ""]);
  return parseTrace(await Deno.readTextFile(file));
}

test("explain run makes none of the calls it prints", async () => {
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
  const forks = explained.filter(({ name, text }) =>
    !name.startsWith("clone") || /CLONE_NEW/.test(text)
  );
  assertEquals(forks, []);
}, { skip: without("strace") });

/** The part of a plan's calls that strace prints and that can be told apart. */
function expectedCalls(steps: readonly Step[]): [name: string, text: string][] {
  return steps.flatMap((step) =>
    lower(step).flatMap((call): [string, string][] => {
      if (call.name === "compare" || call.name === "fail") return [];
      if (!TRACED.includes(call.name) && call.name !== "execve") return [];
      const words = call.args.filter((arg) => typeof arg === "string");
      return [[call.name, words.map((word) => JSON.stringify(word)).join(" ")]];
    })
  );
}

/** What is left of an expected list when it is looked for in order. */
function missing(
  expected: [string, string][],
  calls: readonly Traced[],
): [string, string][] {
  const left = [...expected];
  for (const { name, text } of calls) {
    const [next] = left;
    if (!next) break;
    const words = next[1] ? next[1].split(" ") : [];
    if (name === next[0] && words.every((word) => text.includes(word))) {
      left.shift();
    }
  }
  return left;
}

for (const flags of [[], ["--chroot"], ["--hostname", "box", "-w", "/tmp"]]) {
  test(
    `run ${
      flags.join(" ")
    } makes the calls of the plan that explain prints, in its order`,
    async () => {
      await using dir = new TempDir();
      const path = await copyRootfs(dir.path);
      // A mountpoint to make: one more step.
      await Deno.remove(`${path}/proc`);
      const args = ["--rootfs", path, "-q", ...flags, "true"];
      const plan: Plan = JSON.parse(
        (await container(["explain", "--json", "run", ...args])).stdout,
      );
      const words = runWords();
      const calls = await trace([...TRACED, "execve", "clone3"], [
        ...words.slice(0, words.indexOf("--rootfs")),
        ...args,
      ]);

      const born = calls.findIndex(({ name, text }) =>
        name === "clone3" && /CLONE_NEWPID/.test(text)
      );
      assert(born >= 0, "the clone of the plan");
      assertMatch(calls[born]!.text, /CLONE_NEWNS/);
      const executed = calls.findIndex(({ name }) => name === "execveat");
      const pid1 = calls[executed]!.pid;
      const rest = calls.slice(executed + 1);
      const command = rest.find(({ pid, name, text }) =>
        pid !== pid1 && name === "execve" && text.includes('"walker"')
      );
      assert(command, "the walker of the command");

      const launch = calls.slice(born, executed + 1)
        .filter(({ pid }) => pid === pid1);
      const own = rest.filter(({ pid }) => pid === pid1);
      const process = rest.filter(({ pid }) => pid === command.pid);
      assertEquals(missing(expectedCalls(plan.launch), launch), [], "launch");
      assertEquals(
        missing([
          ...expectedCalls(plan.container),
          ...expectedCalls(plan.cleanup),
        ], own),
        [],
        "container",
      );
      // A PATH is walked until the command is found.
      const wanted = expectedCalls(plan.process);
      const found = wanted.findIndex(([name]) => name === "execve");
      assertEquals(
        missing(wanted.slice(0, found + 1), process),
        [],
        "process",
      );
      assertEquals(process.length, found + 2, "no call beside the plan's");

      // And nothing that the plan does not say: the same number of each call.
      for (
        const name of [
          "unshare",
          "mount",
          "umount2",
          "pivot_root",
          "sethostname",
          "chroot",
          "mkdirat",
          "setpgid",
        ]
      ) {
        const planned = PHASES.flatMap((phase) => expectedCalls(plan[phase]))
          .filter(([planned]) => planned === name).length;
        const made = calls.slice(born).filter((call) => call.name === name);
        assertEquals(made.length, planned, name);
      }
    },
    { skip: without("strace") },
  );
}
