/**
 * Runs many containers in one process, one after another, through the library:
 * measures a container without the start of Deno. Prints the milliseconds of
 * one. The bench runs it as root on the host.
 *
 *   many.ts ROOTFS COUNT [KIND]     seed: only the steps of bench/seed;
 *                                   sandbox: a sandbox without a command;
 *                                   join: a command in a living sandbox
 */
import { type LibraryOptions, run, Sandbox } from "../mod.ts";

/**
 * The options that match bench/seed, which drops, masks and filters nothing.
 */
const SEED: Partial<LibraryOptions> = {
  chroot: true,
  namespaces: { network: "host", ipc: "host", cgroup: "host" },
  privileged: true,
  defaultMounts: false,
  mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
};

/** Runs that are not timed. The first ones compile what the others reuse. */
const WARM_UP = 20;

const [rootfs = "./fs", count = "100", kind] = Deno.args;
const options: LibraryOptions = {
  rootfs,
  command: ["/bin/true"],
  stdin: "null",
  stdout: "null",
  stderr: "null",
  ...(kind === "seed" ? SEED : {}),
};

async function one(): Promise<void> {
  await using container = await run(options);
  const { code } = await container.status;
  if (code !== 0) throw new Error(`A container ended with status ${code}`);
}

async function sandbox(): Promise<void> {
  await using _ = await Sandbox.create({ rootfs });
}

async function joining(): Promise<() => Promise<void>> {
  const living = await Sandbox.create({ rootfs });
  const streams = { stdout: "null", stderr: "null" } as const;
  return async () => {
    const { status } = await living.spawn("/bin/true", streams);
    if (!(await status).success) throw new Error("A command failed");
  };
}

const measured = kind === "sandbox"
  ? sandbox
  : kind === "join"
  ? await joining()
  : one;
for (let index = 0; index < WARM_UP; index++) await measured();
const start = performance.now();
for (let index = 0; index < Number(count); index++) await measured();
const each = (performance.now() - start) / Number(count);
await Deno.stdout.write(new TextEncoder().encode(`${each}\n`));
// A living sandbox would keep the process waiting for its end.
Deno.exit(0);
