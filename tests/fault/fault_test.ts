/**
 * Each step of the plan fails in turn: the message names the step, the status
 * is 125, and the host is unchanged. Kills are in fault_kill_test.ts.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { wait } from "../../ffi/wait.ts";
import { startContainer, walkedSteps } from "../../launch/container.ts";
import { HostPhase } from "../../launch/host/host_phase.ts";
import { alterLowering, lower } from "../../launch/lower/lower.ts";
import { StepError } from "../../launch/step_error.ts";
import type { ContainerOptions } from "../../containers/decide/options.ts";
import type { Prepared } from "../../containers/run/run.ts";
import { describe } from "../../explain/steps/describe.ts";
import { HOST_DESCRIPTIONS } from "../../explain/steps/describe_host.ts";
import type { Step, StepKind } from "../../plan/step.ts";
import {
  decide,
  type FailedRun,
  failInTurn,
  KINDS,
  type Place,
  places,
} from "./_fault.ts";
import { run, TempDir, test } from "../_harness.ts";

/** Options that change the plan. Together their plans have every kind of step. */
const VARIANTS: Record<string, Partial<ContainerOptions>> = {
  "the default": {},
  "a user namespace": { userNamespace: "private" },
  "chroot": { chroot: true },
  "a terminal": { tty: true, user: "65534:65534" },
  "everything privileged": { privileged: true, seccomp: "default" },
  "layers in memory": { ephemeral: true, readonly: true },
  "settings": {
    hostname: "fault",
    domainname: "fault",
    timeOffsets: { boottime: { secs: 1, nanosecs: 0 } },
    personality: "LINUX",
    landlock: { ro: ["/"], rw: ["/dev/null"], connect: [443] },
    user: "65534:65534",
    groups: ["7"],
    sysctls: { "net.ipv4.ip_forward": "1" },
    rlimits: [{ type: "RLIMIT_CORE", soft: 0, hard: 0 }],
    umask: 0o27,
    oomScoreAdj: 1,
    nice: 1,
    cpus: [0],
    preserveFds: 1,
    namespaces: { ipc: "path:/proc/self/ns/ipc" },
    mounts: [
      {
        destination: "/mnt",
        type: "bind",
        source: "/usr",
        options: ["rbind", "ro"],
      },
      { destination: "/made", type: "directory" },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs" },
      { destination: "/tmp/link", type: "symlink", source: "/nowhere" },
      { destination: "/tmp/file", type: "file", source: "text" },
    ],
    ephemeral: true,
  },
  "a mount of the host's": {
    mounts: [{
      destination: "/tmp",
      type: "bind",
      source: "/usr",
      options: ["rbind", "ro", "idmap=uids=0-1-1;gids=0-1-1"],
    }],
  },
};

const covered = new Set<StepKind>();

const isHost = (kind: StepKind) => Object.hasOwn(HOST_DESCRIPTIONS, kind);

/** Runs a plan without our program inside, in this process, until it ends. */
async function runHere(
  { plan, spec }: Prepared,
): Promise<StepError | number> {
  try {
    using host = new HostPhase(plan.host, null);
    await host.prepare();
    using started = startContainer({
      plan,
      debug: false,
      preserve: spec.process.preserve ?? 0,
      foreground: false,
      mounts: host.mounts,
      terminal: spec.process.terminal ?? false,
    });
    try {
      await host.attach(started.pid);
      started.release();
    } catch (error) {
      kill(started.pid, SIGNAL.SIGKILL);
      wait(started.pid);
      throw error;
    }
    const status = wait(started.pid);
    started.walk.check();
    return status && "exited" in status ? status.exited : -1;
  } catch (error) {
    if (error instanceof StepError) return error;
    throw error;
  }
}

const openHere = () => [...Deno.readDirSync("/proc/self/fd")].length;

for (const [variant, options] of Object.entries(VARIANTS)) {
  test(`a run without init names the step of every call that fails: ${variant}`, async () => {
    const prepared = await decide({ ...options, init: false });
    assertEquals(await runHere(prepared), 0, "without a fault");
    const open = openHere();
    try {
      for (const step of walkedSteps(prepared.plan)) {
        await failEachCall(prepared, step);
      }
    } finally {
      alterLowering((_, instructions) => instructions);
    }
    assertEquals(openHere(), open, "no descriptor is left");
  });
}

/**
 * Fails each call of a step. The first call is always made; others depend on
 * the machine.
 */
async function failEachCall(prepared: Prepared, faulty: Step): Promise<void> {
  const count = lower(faulty).length;
  for (let at = 0; at < count; at++) {
    alterLowering((step, instructions) =>
      step === faulty
        ? instructions.with(at, { name: "fail", error: "EPERM" })
        : instructions
    );
    const result = await runHere(prepared);
    alterLowering((_, instructions) => instructions);
    const what = `${faulty.step} ${at}`;
    if (!(result instanceof StepError)) {
      // A call that was skipped: the mask of a directory after that of a file.
      assertEquals([result, at > 0], [0, true], what);
      continue;
    }
    assertEquals(result.step, faulty, what);
    assertStringIncludes(
      result.message,
      `Cannot ${describe(faulty)}: fail: operation not permitted (EPERM)`,
    );
    covered.add(faulty.step);
  }
}

/** The variants that the command line is tested with, and their flags for `run`. */
const COMMAND_LINES: Record<string, [Partial<ContainerOptions>, string[]]> = {
  "with init": [{}, []],
  "without init": [{ init: false }, ["--no-init"]],
  "in a user namespace": [{ userNamespace: "private" }, ["--userns"]],
  "with a terminal": [{ tty: true }, ["-t"]],
  "with limits": [{
    resources: { memory: { limit: 64 << 20 } },
  }, ["-m", "64m"]],
};

for (const [name, [options, flags]] of Object.entries(COMMAND_LINES)) {
  test(`run reports a failing step in one line with status 125, ${name}`, async () => {
    const all = places(await decide(options, "null"));
    // The first and the last of several steps in a row, as with masks.
    const chosen = all.filter(({ step }, index) =>
      all[index - 1]?.step.step !== step.step ||
      all[index + 1]?.step.step !== step.step
    );
    const runs = await failInTurn(chosen, ...flags, "true");
    assertEquals(runs.length, chosen.length);
    runs.forEach(assertTold);
  });
}

/** Checks that one line names the step, and that there is no other output. */
function assertTold({ place, status, stdout, stderr }: FailedRun): void {
  const what = `${place.phase} ${place.index} ${place.step.step}: ${stderr}`;
  assertEquals([status, stdout], [125, ""], what);
  assertEquals(stderr.split("\n").length, 2, what);
  assertStringIncludes(stderr, expectedMessage(place), what);
  covered.add(place.step.step);
}

/** The child starts with other words than here, since it is another program. */
function expectedMessage({ step }: Place): string {
  return step.step === "executeSelf"
    ? "container: Cannot execute this program again: "
    : step.step === "joinCgroups" && /container-/.test(step.files[0]!)
    ? "container: Cannot join the cgroups of "
    : step.step === "openCgroups"
    ? "container: Cannot open "
    : `container: Cannot ${describe(step)}: `;
}

test("run reports a label that cannot be set, even without a security module", async () => {
  const all = places(await decide({ apparmor: "none" }, "null"));
  const labels = all.filter(({ step }) => step.step === "setLabel");
  const runs = await failInTurn(labels, "--apparmor", "none", "true");
  assertEquals(runs.length, labels.length);
  runs.forEach(assertTold);
});

test("run reports a failing announcement", async () => {
  const all = places(await decide({ announce: true }, "null"));
  const announcing = all.filter(({ step }) => step.step === "announce");
  const runs = await failInTurn(announcing, "--quiet=false", "true");
  assertEquals(runs.length, 1);
  runs.forEach(assertTold);
});

for (const flags of [[], ["--no-init"], ["--no-new-privs=false"]]) {
  test(`run reports a listener that cannot be sent, and does not wait: ${flags[0] ?? "--init"}`, async () => {
    const all = places(
      await decide({
        seccomp: "learn",
        init: flags[0] !== "--no-init",
        noNewPrivileges: flags[0] !== "--no-new-privs=false",
      }, "null"),
    );
    const learning = all.filter(({ step: { step } }) =>
      ["keepSocket", "setSeccomp", "sendListener"].includes(step)
    );
    const words = [...flags, "--seccomp", "learn", "true"];
    const runs = await failInTurn(learning, ...words);
    assertEquals(runs.length, learning.length);
    runs.forEach(assertTold);
  });
}

test("every kind of step has failed once", () => {
  // It makes the same calls as reopenNull, for another device.
  covered.add("reopenDevice");
  // They fail in tests/fault/host_fault_test.ts.
  const rest = KINDS.filter((kind) => !covered.has(kind) && !isHost(kind));
  assertEquals(rest, [
    // Part of `exec`; fails in tests/fault/exec_fault_test.ts.
    "joinProcess",
    // Part of `create`; fails in tests/oci/oci_test.ts if it can fail.
    "keepWalker",
    "executeWalker",
    "keepHold",
    "checkCommand",
    "reportReady",
    "waitForStart",
    "waitForHooks",
    // Part of a sandbox; fail in tests/sandbox/sandbox_fault_test.ts.
    "idle",
    "serveFiles",
    "keepRoot",
    "enterKeptRoot",
    "visitRoot",
    "returnToRoot",
    // Only in a config.json.
    "setIoPriority",
    "setScheduler",
    "setMemoryPolicy",
    // The child makes the call itself, and it cannot fail.
    "killAll",
  ]);
});

/** A filter that forbids the ordinary exit. */
const NO_EXIT = {
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [{
    names: ["exit_group", "exit"],
    action: "SCMP_ACT_ERRNO",
    errnoRet: 1,
  }],
};

for (const flags of [[], ["--no-init"]]) {
  test(`the walker ends even if a filter forbids its exit: ${flags[0] ?? "--init"}`, async () => {
    await using dir = new TempDir();
    const profile = `${dir.path}/profile.json`;
    await Deno.writeTextFile(profile, JSON.stringify(NO_EXIT));
    const { status, stderr } = await run([
      ...flags,
      "--seccomp",
      profile,
      "/no/such/program",
    ]);
    assertEquals(status, 127);
    assertStringIncludes(stderr, "container: Cannot run /no/such/program");
  });
}
