/**
 * Containers from a running program: how long one takes, launched and waited
 * for, and how much of that is the kernel's own.
 *
 *     deno run -A bench/library.ts [--seed-steps] [--count N]
 *
 * Prints JSON, in milliseconds. `--seed-steps` makes what bench/seed makes and
 * no more: pid, mount and uts namespaces, another root, /proc.
 */
// @ts-types="../types/std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
// @ts-types="../types/std_path.d.ts"
import { fromFileUrl } from "@std/path";
import { type LibraryOptions, run } from "../mod.ts";

const WARM_UP = 20;

/** What bench/seed makes: nothing is dropped, masked or filtered there. */
const SEED_STEPS: Partial<LibraryOptions> = {
  namespaces: { network: "host", ipc: "host", cgroup: "host" },
  privileged: true,
  defaultMounts: false,
  mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
};

const flags = parseArgs(Deno.args, {
  boolean: ["seed-steps"],
  string: ["count", "rootfs"],
  default: {
    count: "200",
    rootfs: fromFileUrl(new URL("../fs", import.meta.url)),
  },
});
const count = Number(flags.count);
const options: LibraryOptions = {
  rootfs: flags.rootfs,
  command: ["/bin/true"],
  stdout: "null",
  stderr: "null",
  ...(flags["seed-steps"] ? SEED_STEPS : {}),
};

/** One container, from the call to its status. */
async function measure(): Promise<number> {
  const start = performance.now();
  await using container = await run(options);
  const { code } = await container.status;
  if (code !== 0) throw new Error(`/bin/true ended with ${code}`);
  return performance.now() - start;
}

/** The smallest sample that this part of all is not above. */
const quantile = (sorted: readonly number[], part: number) =>
  Number(sorted[Math.floor(part * (sorted.length - 1))]!.toFixed(3));

for (let index = 0; index < WARM_UP; index++) await measure();
const samples: number[] = [];
for (let index = 0; index < count; index++) samples.push(await measure());
samples.sort((a, b) => a - b);
// deno-lint-ignore no-console
console.log(JSON.stringify({
  name: flags["seed-steps"] ? "library, the seed's steps" : "library",
  count,
  median: quantile(samples, 0.5),
  fastest: quantile(samples, 0),
  quartiles: [quantile(samples, 0.25), quantile(samples, 0.75)],
}));
