/**
 * One process that runs many containers, one after another, through the
 * library: what a container costs once the program is up. Prints milliseconds
 * for each. Run by the bench, as root, on the host.
 *
 *   many.ts ROOTFS COUNT [seed]     seed: the steps of bench/seed alone
 */
import { type LibraryOptions, run } from "../mod.ts";

/** What bench/seed makes: nothing is dropped, masked or filtered there. */
const SEED: Partial<LibraryOptions> = {
  chroot: true,
  namespaces: { network: "host", ipc: "host", cgroup: "host" },
  privileged: true,
  defaultMounts: false,
  mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
};

/** Not timed: the first ones compile what the others use. */
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

for (let index = 0; index < WARM_UP; index++) await one();
const start = performance.now();
for (let index = 0; index < Number(count); index++) await one();
const each = (performance.now() - start) / Number(count);
await Deno.stdout.write(new TextEncoder().encode(`${each}\n`));
