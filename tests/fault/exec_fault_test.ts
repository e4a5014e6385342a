/**
 * Each call of each step of exec fails in turn: the message names the step, and
 * nothing is left. The same with SIGKILL before each step.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { wait } from "../../ffi/wait.ts";
import { alterLowering, lower } from "../../launch/lower/lower.ts";
import { StepError } from "../../launch/step_error.ts";
import { exec } from "../../containers/oci/exec/exec.ts";
import { Store } from "../../containers/store/store.ts";
import { describe } from "../../explain/steps/describe.ts";
import type { StepKind } from "../../plan/step.ts";
import { Bundle } from "../_bundle.ts";
import { bundled } from "../_bundled.ts";
import type { Config } from "../_config.ts";
import { execOptions, stepsOf } from "./_exec_fault.ts";
import { endOfKilled, SHARES, waitingBelow } from "./_fault.ts";
import { test, until } from "../_harness.ts";
import { descendants, keepBurying, readProcess } from "../_host.ts";
import { pooled } from "./_pooled.ts";
import { Session } from "../_session.ts";

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
  test(`exec names the step of every call that fails: ${variant}`, async () => {
    await using bundle = await running(change);
    const store = new Store(stateOf(bundle));
    const pidFile = `${bundle.dir.path}/pid`;
    const options = { ...execOptions(["true"], true), pidFile };
    const steps = await stepsOf(store, options);
    // Opens the descriptors that are opened once and kept.
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
        // Reached only if the call before it has failed.
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
    // Its streams are pipes, which are not reopened.
    const chosen = new Set(steps.map(({ step }) => step));
    chosen.delete("reopenNull");
    // A PID namespace does not end before the last of its processes is reaped.
    using _burying = keepBurying();
    await pooled([...chosen], SHARES, (kind) => killAt(bundle, kind));
    await bundle.does("delete", "--force", "one");
  });
}

const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);

/** Kills the exec while the step is about to be done. */
async function killAt(
  bundle: Bundle,
  kind: StepKind,
): Promise<void> {
  await using session = new Session([
    ...await bundled("fault/_exec_fault_main.ts"),
    ...[kind, stateOf(bundle), "attached"],
  ]);
  await waitingBelow(session, kind);
  const all = descendants(session.pid);
  session.kill("SIGKILL");
  assertEquals(await endOfKilled(session), 137);
  await until(
    `nothing is left of ${kind}`,
    () =>
      all.every(({ pid, start }) => {
        const now = readProcess(pid);
        return !now || now.start !== start;
      }),
  );
}
