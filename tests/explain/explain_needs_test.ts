/**
 * The needs that `explain` prints are those of this kernel. With exactly the
 * listed capabilities the container starts; without any one of them, a step
 * fails that needs it.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lower } from "../../launch/lower/lower.ts";
import { describe } from "../../explain/steps/describe.ts";
import type { Needs } from "../../explain/steps/needs.ts";
import { SINCE } from "../../explain/steps/since.ts";
import { PHASES, type Plan, type Step } from "../../plan/step.ts";
import {
  container,
  NO_INIT,
  rootfs,
  test,
  testBoth,
  without,
} from "../_harness.ts";

type Explained = Step & { needs: Needs };

async function stepsOf(words: readonly string[]): Promise<Explained[]> {
  const { stdout } = await container(["explain", "--json", "run", ...words]);
  const plan: Plan = JSON.parse(stdout);
  return PHASES.flatMap((phase) => plan[phase]) as Explained[];
}

const always = ({ needs }: Explained) =>
  needs.capabilities.filter(({ when }) => !when).map(({ name }) => name);

const bounded = (names: readonly string[]) => [
  "setpriv",
  `--bounding-set=-all${
    names.map((name) => `,+${name.slice(4).toLowerCase()}`).join("")
  }`,
];

const WORDS = ["--cap-drop", "ALL", "-u", "7", "true"];

testBoth(
  "run works with exactly the capabilities that explain lists",
  async (mode) => {
    const steps = await stepsOf([
      ...mode.flags,
      "--rootfs",
      rootfs(),
      ...WORDS,
    ]);
    const names = [...new Set(steps.flatMap(always))];
    assert(names.length > 3, names.join());
    const result = await mode.run(WORDS, {
      before: bounded(names),
    });
    assertEquals([result.status, result.stderr], [0, ""]);
  },
  { skip: without("setpriv") },
);

test(
  "run without a capability that explain lists fails at a step that needs it",
  async () => {
    const words = [...NO_INIT.flags, "--rootfs", rootfs(), ...WORDS];
    const steps = await stepsOf(words);
    const names = [...new Set(steps.flatMap(always))];
    // Without the first a user namespace is made instead, and without the last
    // the host's devices are bind mounted.
    const lacking = names.filter((name) =>
      !["CAP_SYS_ADMIN", "CAP_MKNOD"].includes(name)
    );
    for (const name of lacking) {
      const { status, stderr } = await NO_INIT.run(WORDS, {
        before: bounded(names.filter((other) => other !== name)),
      });
      assertEquals(status, 125, name);
      const failed = steps.find((step) =>
        stderr.includes(`Cannot ${describe(step)}: `)
      );
      assert(failed, stderr);
      assert(always(failed).includes(name as never), `${name}: ${stderr}`);
      assertStringIncludes(stderr, name);
      assertStringIncludes(stderr, "container doctor");
    }
  },
  { skip: without("setpriv") },
);

test("explain names a kernel version for every call of a plan", async () => {
  const plans = await Promise.all([
    ["true"],
    ["--no-init", "-t", "--userns", "true"],
    ["--ephemeral", "--chroot", "--ulimit", "core=0", "--nice", "1", "true"],
    ["--umask", "0", "--cpu", "0", "--oom-score-adj", "1", "-m", "1g", "true"],
    ["--network", "path:/proc/self/ns/net", "--sysctl", "net.x=1", "true"],
    ["-t", "true"],
    ["--landlock", "ro=/,connect=80", "--device", "/dev/full", "true"],
    ["--add-host", "db:10.0.0.1", "--domainname", "example.org", "true"],
    ["--time-offset", "boottime=1", "--personality", "linux32", "true"],
    ["--seccomp", "learn", "-m", "1g", "true"],
    ["--uidmap", "0:100000:9", "-v", "/etc:/mnt:idmap", "true"],
    ["--file", "/etc/hostname:/etc/motd", "true"],
  ].map(stepsOf));
  const calls = plans.flat().flatMap((step) =>
    lower(step).map(({ name }) => name)
  );
  const unknown = new Set(
    calls.filter((name) =>
      name !== "compare" && name !== "fail" && !SINCE[name]
    ),
  );
  assertEquals([...unknown], []);
  for (const { needs, step } of plans.flat()) assert(needs.kernel, step);
});
