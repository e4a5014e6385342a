/** The outline of a plan, the parts of it, and the difference of two plans. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { PHASES } from "../../plan/step.ts";
import { container, rootfs, test } from "../_harness.ts";

const explain = (...args: string[]) => container(["explain", ...args]);

const run = (...words: string[]) => ["run", "--rootfs", rootfs(), ...words];

/** The rows of an outline: the idea, its number of steps, the first line. */
const rowsOf = (outline: string) =>
  [...outline.matchAll(/^([a-z]+) +(\d+) {2}(\S.*)$/gm)]
    .map(([, idea, count, text]) => ({ idea, count: Number(count), text }));

/** The numbers of the printed steps. */
const numbersOf = (text: string) =>
  [...text.matchAll(/^ *(\d+)\. /gm)].map(([, number]) => Number(number));

const IDEAS = [
  ...["namespaces", "init", "root", "mounts", "devices", "names"],
  ...["rights", "filter", "cgroup", "command"],
];

test("explain run prints the ideas in order, each with a sentence and its number of steps", async () => {
  const { status, stdout, stderr } = await explain(...run("sh"));
  assertEquals([status, stderr], [0, ""]);
  const rows = rowsOf(stdout);
  assertEquals(rows.map(({ idea }) => idea), IDEAS);
  const total = rows.reduce((sum, { count }) => sum + count, 0);
  assertMatch(stdout, new RegExp(`^container run sh: ${total} steps\n`));
  assert(stdout.split("\n").length < 32, "it fits on a screen");
  const textOf = (name: string) =>
    rows.find(({ idea }) => idea === name)!.text!;
  assertStringIncludes(textOf("root"), " becomes /");
  assertStringIncludes(textOf("names"), "The hostname is container");
  assertStringIncludes(textOf("rights"), "Runs as user 0 and group 0");
  assertEquals(rows.find(({ idea }) => idea === "cgroup")?.count, 0);
});

test("explain run says in a sentence what flags change", async () => {
  const { stdout } = await explain(
    ...run(
      ...["--network", "host", "--ephemeral", "-u", "7:8", "-w", "/tmp"],
      ...["-v", "/etc:/mnt", "--seccomp", "unconfined", "sh"],
    ),
  );
  const text = stdout.replace(/\n +/g, " ");
  for (
    const sentence of [
      "shares the host's network",
      "changes stay in memory; the host's tree is detached",
      "Runs as user 7 and group 8; has none of the",
      "the host's /etc at /mnt",
      "System calls are not filtered",
      "Executes sh in /tmp",
    ]
  ) assertStringIncludes(text, sentence);
});

test("explain says which part of the host appears inside", async () => {
  const said = async (...words: string[]) =>
    (await explain("run", ...words, "sh")).stdout.replace(/\n +/g, " ");
  const fs = ["--rootfs", rootfs()];
  assertStringIncludes(
    await said(...fs, "--read-only"),
    " becomes /, read-only; the host's tree is detached",
  );
  assertStringIncludes(await said("--rootfs", "/"), "The host's / stays /");
  assertStringIncludes(
    await said(...fs, "--chroot"),
    "the host's tree is hidden, not detached",
  );
  assertStringIncludes(
    await said("--rootfs", "empty", "--ro-bind", "/usr", "--dir", "/x"),
    "An empty directory in memory becomes /",
  );
  const mounts = await said(
    ...fs,
    ...["--file", "/etc/hosts:/etc/motd", "--dir", "/x", "--tmpfs", "/run"],
    ...["-v", "/etc:/mnt"],
  );
  assertStringIncludes(mounts, "mounts the host's /etc at /mnt;");
  assertStringIncludes(mounts, "creates /etc/motd and /x;");
  assertStringIncludes(mounts, "and 2 more;");
});

test("explain --about prints the steps of an idea, and all ideas together are the plan", async () => {
  const all = numbersOf((await explain("--all", ...run("sh"))).stdout);
  const found: number[] = [];
  for (const { idea, count } of rowsOf((await explain(...run("sh"))).stdout)) {
    if (!count) continue;
    const { stdout } = await explain("--about", idea!, ...run("sh"));
    const numbers = numbersOf(stdout);
    assertEquals(numbers.length, count, idea);
    found.push(...numbers);
  }
  assertEquals(found.toSorted((a, b) => a - b), all);
  const { stdout } = await explain("--about", "root,filter", ...run("sh"));
  assertMatch(stdout, /^ *\d+\. change the root to /m);
  assertMatch(stdout, /^ *\d+\. install the default seccomp filter$/m);
});

test("explain --step prints a step or a range of them", async () => {
  const numbers = async (...flags: string[]) =>
    numbersOf((await explain(...flags, ...run("sh"))).stdout);
  assertEquals(await numbers("--step", "12"), [12]);
  assertEquals(await numbers("--step", "12-14"), [12, 13, 14]);
  assertEquals(await numbers("--step", "3..4", "--step", "9"), [3, 4, 9]);
  const { stdout } = await explain("--strace", "--step", "2", ...run("sh"));
  const steps = stdout.match(/^# \d+\. .*$/gm);
  assertEquals([steps?.length, steps?.[0]?.slice(0, 4)], [1, "# 2."]);
  // A step that only refers to an earlier one is printed in full.
  const full = await explain("--all", ...run("sh"));
  const [, repeated] = full.stdout.match(/^ *(\d+)\. .*\(same as \d+\)$/m)!;
  const alone = await explain("--step", repeated!, ...run("sh"));
  assertStringIncludes(alone.stdout, "why:");
});

for (
  const [flags, message] of [
    [["--step", "9999"], "--step 9999: this plan has "],
    [["--step", "0"], "--step 0: expected the number of a step"],
    [["--step", "4-2"], "--step 4-2: expected the number of a step"],
    [["--about", "moutns"], "Did you mean mounts?"],
    [["--about", "x"], "The ideas are namespaces, "],
    [["--about", "keeper"], "--about keeper: this plan has no such step"],
    [["--about", "root", "--json"], "Remove --json."],
    [["--format", "yaml"], "The formats are text and json."],
    [["--diff"], "--diff compares two commands"],
  ] as const
) {
  test(`explain ${flags.join(" ")} is refused`, async () => {
    const { status, stdout, stderr } = await explain(...flags, ...run("sh"));
    assertEquals([status, stdout], [125, ""]);
    assertStringIncludes(stderr, message);
  });
}

test("explain --format json is --json, the whole plan", async () => {
  const [json, format] = await Promise.all([
    explain("--json", ...run("sh")),
    explain("--format", "json", ...run("sh")),
  ]);
  assertEquals(format.stdout, json.stdout);
  const plan = JSON.parse(json.stdout);
  const { stdout } = await explain(...run("sh"));
  const count = PHASES.flatMap((phase) => plan[phase]).length;
  assertMatch(stdout, new RegExp(`^container run sh: ${count} steps`));
});

test("explain names a kernel version only for what is newer than every supported kernel", async () => {
  const { stdout } = await explain("--all", ...run("sh"));
  assertEquals(stdout.match(/^needs: [^]*?Linux\s+(\S+)$/m)?.[1], "5.12");
  const steps = stdout.slice(stdout.indexOf("launch, by"));
  assertEquals(steps.match(/Linux \d/), null);
  const landlock = await explain(
    "--about",
    "filter",
    ...run("--landlock", "ro=/", "sh"),
  );
  assertMatch(landlock.stdout, /Linux (5\.1[3-9]|[6-9]\.\d+)\s+\(/);
});

test("explain --diff prints what a flag changes, and nothing else", async () => {
  const diff = async (...flags: string[]) =>
    (await explain("--diff", ...run("sh"), "--", ...run(...flags, "sh")))
      .stdout;
  const changes = (text: string) =>
    [...text.matchAll(/^([-+]) +\d+\. (.*)$/gm)].map(([, sign, what]) =>
      `${sign} ${what}`
    );
  assertEquals(await diff(), "The two plans are the same.\n");
  assertEquals(changes(await diff("--hostname", "box")), [
    "- set the hostname to container",
    "+ set the hostname to box",
    // The file in memory has another text.
    "- create the file /dev/7-etc-hostname",
    "+ create the file /dev/7-etc-hostname",
    "- create the file /dev/8-etc-hosts",
    "+ create the file /dev/8-etc-hosts",
    // HOSTNAME in its environment.
    "- execute sh",
    "+ execute sh",
  ]);
  // The mounts after it have other numbers, which is no change.
  const volume = changes(await diff("-v", "/etc:/mnt"));
  assertEquals(volume.filter((change) => change.startsWith("-")), []);
  assertEquals(volume.filter((change) => !/\/etc|\/mnt/.test(change)), []);
  const env = await diff("-e", "A=b");
  assertEquals(changes(env), ["- execute sh", "+ execute sh"]);
  assertStringIncludes(env, "env nothing → A=b");
});

test("explain --diff --format json prints the steps that only one plan has", async () => {
  const { stdout } = await explain(
    ...["--diff", "--format", "json"],
    ...run("sh"),
    "--",
    ...run("--seccomp", "unconfined", "sh"),
  );
  const { before, after } = JSON.parse(stdout);
  assertEquals(before.command, ["run", "sh"]);
  assertEquals(before.only.map(({ step }: { step: string }) => step), [
    "setSeccomp",
  ]);
  assertEquals(before.only[0].idea, "filter");
  assertEquals(after.only, []);
});

test("explain run --detach shows the keeper, and steps in the order in which they happen", async () => {
  const words = [...run("-d", "--restart", "always", "--userns"), "sh"];
  const outline = (await explain(...words)).stdout.replace(/\n +/g, " ");
  assertMatch(outline, /^keeper +\d+ {2}A small process stays outside/m);
  assertStringIncludes(outline, "starts the container again (always)");
  const about = (await explain("--about", "keeper", ...words)).stdout;
  assertMatch(about, /^keeper, on the host, until the container has ended$/m);
  assertStringIncludes(about, "wait for the end, and write the exit status");
  const traced = await explain("--strace", ...words);
  const numbers = [...traced.stdout.matchAll(/^# (\d+)\. (\w+)/gm)];
  assertEquals(
    numbers.map(([, number]) => Number(number)),
    numbers.map((_, index) => index + 1),
  );
  // The ids of a process are mapped once it exists.
  const first = numbers.map(([, , word]) => word);
  assert(first.indexOf("map") > first.indexOf("enter"), first.join());
  const json = JSON.parse((await explain("--json", ...words)).stdout);
  assertEquals([json.keeper.restart, json.keeper.removes], ["always", false]);
});

test("explain run --detach refuses what run --detach refuses", async () => {
  const words = run("-d", "--rm", "--restart", "always", "sh");
  const { status, stderr } = await explain(...words);
  assertEquals(status, 125);
  assertStringIncludes(stderr, "--rm and --restart cannot be used together");
});
