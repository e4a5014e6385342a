/**
 * Each call of each step of a process that joins a container fails in turn: the
 * message names the step, and nothing is left. The same with SIGKILL before
 * each step.
 */

// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { wait, WNOHANG } from "../ffi/wait.ts";
import { alterLowering, lower } from "../launch/lower.ts";
import { StepError } from "../launch/step_error.ts";
import { exec } from "../lifecycle/oci/exec.ts";
import { Store } from "../lifecycle/oci/store.ts";
import { describe } from "../plan/describe.ts";
import { Bundle, type Config } from "./_bundle.ts";
import { execOptions, stepsOf } from "./_exec_fault.ts";
import { findWaiting, pooled } from "./_fault.ts";
import { REPOSITORY, test, until } from "./_harness.ts";
import { descendants, readProcess } from "./_host.ts";
import { Session } from "./_session.ts";

const VARIANTS: Record<string, (config: Config) => void> = {
  "in the host's user namespace": () => {},
  "in a user namespace of its own": (config) => {
    (config.linux.namespaces as unknown[]).push({ type: "user" });
    const mapped = [{ containerID: 0, hostID: 100000, size: 65536 }];
    config.linux.uidMappings = mapped;
    config.linux.gidMappings = mapped;
    Object.assign(config.process, { oomScoreAdj: 10 });
  },
};

async function running(change: (config: Config) => void): Promise<Bundle> {
  const bundle = await Bundle.make(["sleep", "1000"], change);
  await bundle.create("one");
  await bundle.does("start", "one");
  return bundle;
}

const stateOf = (bundle: Bundle) => `${bundle.dir.path}/state`;

const openHere = () => [...Deno.readDirSync("/proc/self/fd")].length;

for (const [variant, change] of Object.entries(VARIANTS)) {
  test(`every call of exec that fails is told by its step: ${variant}`, async () => {
    await using bundle = await running(change);
    const store = new Store(stateOf(bundle));
    const pidFile = `${bundle.dir.path}/pid`;
    const options = { ...execOptions(["true"], true), pidFile };
    const steps = await stepsOf(store, options);
    // What is opened once for all.
    await exec(store, options);
    wait(Number(await Deno.readTextFile(pidFile)));
    await Deno.remove(pidFile);
    const open = openHere();
    for (const faulty of steps) {
      const text = JSON.stringify(faulty);
      for (let at = 0; at < lower(faulty).length; at++) {
        alterLowering((step, instructions) =>
          JSON.stringify(step) === text
            ? instructions.with(at, { name: "fail", error: "EPERM" })
            : instructions
        );
        const error = await exec(store, options).then(
          () => null,
          (error) => error,
        ).finally(() => alterLowering((_, instructions) => instructions));
        const what = `${faulty.step} ${at}`;
        // What is only reached where the one before it has not done.
        if (error === null && at > 0) {
          wait(Number(await Deno.readTextFile(pidFile)));
          await Deno.remove(pidFile);
          continue;
        }
        assert(error instanceof StepError, `${what}: ${error}`);
        assertStringIncludes(error.message, `Cannot ${describe(faulty)}: `);
        assertEquals(await exists(pidFile), false, what);
      }
    }
    assertEquals(openHere(), open, "no descriptor is left");
    assertEquals(
      JSON.parse(await bundle.does("ps", "--format", "json", "one")).length,
      1,
    );
  });

  test(`SIGKILL before each step of exec leaves nothing: ${variant}`, async () => {
    await using bundle = await running(change);
    const steps = await stepsOf(
      new Store(stateOf(bundle)),
      execOptions(["true"], false),
    );
    const chosen = [...steps.keys()].filter((index) =>
      steps[index - 1]?.step !== steps[index]!.step
    );
    await pooled(chosen, 3, (index) => killAt(bundle, index, "attached"));
  });

  test(`SIGKILL before a detached one is released leaves nothing: ${variant}`, async () => {
    await using bundle = await running(change);
    const steps = await stepsOf(
      new Store(stateOf(bundle)),
      execOptions(["true"], true),
    );
    const released = steps.findIndex(({ step }) => step === "waitForParent");
    await pooled(
      [...steps.keys()].slice(0, released),
      3,
      (index) => killAt(bundle, index, "detached"),
    );
  });
}

const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);

/** Kills who has started it while the step is about to be done. */
async function killAt(
  bundle: Bundle,
  index: number,
  how: "attached" | "detached",
): Promise<void> {
  await using session = new Session([
    ...[Deno.execPath(), "run", "-A"],
    ...["--import-map", `${REPOSITORY}/deno.json`],
    `${REPOSITORY}/tests/_exec_fault_main.ts`,
    ...[String(index), stateOf(bundle), how],
  ]);
  await until(
    () => `something waits at ${index}: ${session.output}`,
    () => findWaiting(session.pid) !== null,
  );
  const all = descendants(session.pid);
  session.kill("SIGKILL");
  assertEquals(await session.end(), 137);
  await until(
    `nothing is left of ${index}`,
    () =>
      all.every(({ pid, start }) => {
        // Orphaned to this process: a PID namespace ends with the last of them.
        wait(pid, WNOHANG);
        const now = readProcess(pid);
        return !now || now.start !== start;
      }),
  );
}
