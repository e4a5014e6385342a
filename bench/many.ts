/**
 * One process that runs many containers, one after another, through the
 * library: what a container costs once the program is up. Prints milliseconds
 * for each. Run by the bench, as root, on the host.
 *
 *   many.ts ROOTFS COUNT [seed]     seed: the steps of bench/seed alone
 */
import { run } from "../mod.ts";
import { launch } from "../lifecycle/running.ts";
import { prepare, type Prepared } from "../lifecycle/run.ts";
import type { StepKind } from "../plan/step.ts";

/** What the seed does too, and what it takes to start and end a process. */
const SEED: ReadonlySet<StepKind> = new Set([
  "clone",
  "setParentDeathSignal",
  "waitForParent",
  "checkParent",
  "mount",
  "setHostname",
  "unshare",
  "chroot",
  "createFilesystem",
  "attach",
  "changeDirectory",
  "closeDescriptors",
  "setSignalMask",
  "defaultSignals",
  "execute",
]);

/** Not timed: the first ones compile what the others use. */
const WARM_UP = 10;

const [rootfs = "./fs", count = "100", kind] = Deno.args;
const options = {
  rootfs,
  command: ["/bin/true"],
  stdin: "null",
  stdout: "null",
  stderr: "null",
} as const;

/** A plan without what the seed leaves out. */
async function seedPlan(): Promise<Prepared> {
  const prepared = await prepare(
    {
      ...options,
      command: [...options.command],
      init: false,
      chroot: true,
      privileged: true,
      namespaces: { network: "host", ipc: "host", cgroup: "host" },
    },
    rootfs,
    ["null", "null", "null"],
  );
  const { plan } = prepared;
  const devices = /^\/(dev|sys)(\/|$)/;
  const steps = (phase: "launch" | "container" | "process") =>
    plan[phase].filter((step) =>
      SEED.has(step.step) &&
      !("target" in step && devices.test(step.target)) &&
      !(step.step === "createFilesystem" && step.type !== "proc")
    );
  return {
    ...prepared,
    plan: {
      init: false,
      host: [],
      launch: steps("launch"),
      container: steps("container"),
      process: steps("process"),
      cleanup: [],
    },
  };
}

async function one(): Promise<void> {
  await using container = kind === "seed"
    ? launch(await seedPlan(), { ...options, command: [...options.command] })
    : await run({ ...options, command: [...options.command] });
  const { code } = await container.status;
  if (code !== 0) throw new Error(`A container ended with status ${code}`);
}

for (let index = 0; index < WARM_UP; index++) await one();
const start = performance.now();
for (let index = 0; index < Number(count); index++) await one();
const each = (performance.now() - start) / Number(count);
await Deno.stdout.write(new TextEncoder().encode(`${each}\n`));
