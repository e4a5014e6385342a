/**
 * The parts of `deno task test`: what each runs, and its time budget.
 *
 * @module
 */
// @ts-types="../../types/std_path.d.ts"
import { join, relative, resolve } from "@std/path";
import $ from "dax";
import {
  changed,
  endToEndTests,
  engineTests,
  isThere,
  programSources,
  ROOT,
  unitTests,
} from "../_files.ts";
import { findProgram } from "../_find_program.ts";
import {
  ALONE,
  FROM_SOURCE,
  FROM_SOURCE_IN_VM,
  LONGEST_IN_VM,
  longestFirst,
  nameOf,
} from "./files.ts";
import { cachePackages, LOCKED } from "./engine_packages.ts";
import { sum, type Tally } from "./junit.ts";
import { type FileResult, Lanes, runFiles, runTogether } from "./lanes.ts";
import { runInMachines } from "./machines.ts";
import { findHierarchies } from "./world.ts";

/** The result of a part. */
export interface Outcome {
  tally: Tally;
  /** Why something was not run, or was run differently. */
  note?: string;
  files?: FileResult[];
  /**
   * How long it would have taken without those that ran concurrently, if that is
   * less than it took.
   */
  seconds?: number;
}

/** A part of the tests. */
export interface Part {
  /** Its name for `--only`. */
  name: string;
  /** What it tests. */
  title: string;
  /** Its time budget in seconds, on two processors. */
  budget: number;
  /** It needs no root and changes nothing outside the checkout. */
  quick?: true;
  /**
   * It runs concurrently with its neighbours of the same word: they share lanes,
   * or each has machines of its own.
   */
  together?: "lanes" | "machines";
  /** @param touched whether a test file should run */
  run(touched: (path: string) => boolean): Promise<Outcome>;
}

const PASSED: Tally = { passed: 1, failed: 0, skipped: 0 };
const FAILED: Tally = { passed: 0, failed: 1, skipped: 0 };
const SKIPPED: Tally = { passed: 0, failed: 0, skipped: 1 };
const NOTHING: Tally = { passed: 0, failed: 0, skipped: 0 };

/**
 * How many files in worlds run at once, those of all parts together. One more
 * than there are processors: a file waits a quarter of its time, for a process
 * to end or for the kernel.
 */
const LANES = navigator.hardwareConcurrency + 1;
const IN_WORLDS = new Lanes(LANES);
/** Files without a world see what others change. */
const IN_TURN = new Lanes(1);

/** Variables that the end-to-end tests need and sudo would remove. */
const KEPT_BY_SUDO =
  /^(CI|NO_COLOR|CONTAINER_.*|COMPILE_DENO|DENORT_BIN|DENO_TLS_CA_STORE|DENO_CERT|SSL_CERT_FILE|NPM_CONFIG_REGISTRY|HTTPS?_PROXY|https?_proxy)$/;

/** Runs a Deno command that passes or fails as a whole. */
const check = (...args: string[]) => async (): Promise<Outcome> => {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    stdin: "null",
  }).spawn().status;
  return { tally: success ? PASSED : FAILED };
};

const outcomeOf = (files: FileResult[]): Outcome => ({
  tally: sum(files.map(({ tally }) => tally)),
  files,
});

/** The words that run a command as root; null if that is impossible. */
async function rootWords(
  env: Record<string, string | undefined>,
): Promise<string[] | null> {
  if (Deno.uid() === 0) return [];
  const sudo = await findProgram("sudo");
  if (!sudo) return null;
  const kept = Object.entries({ ...Deno.env.toObject(), ...env })
    .filter(([name, value]) => KEPT_BY_SUDO.test(name) && value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  // Ask for the password now, while there may be a terminal.
  const { code } = await $`${sudo} -v`.noThrow();
  return code === 0 ? [sudo, "env", ...kept] : null;
}

/** The root filesystem, which the first part makes. */
let rootfs: Promise<Tally> | undefined;

async function makeRootfs(): Promise<Tally> {
  if (Deno.env.get("CONTAINER_ROOTFS") || isThere(join(ROOT, "fs"))) {
    return PASSED;
  }
  return (await check("run", "-A", "scripts/rootfs.ts")()).tally;
}

/**
 * Runs end-to-end tests as root. Without root, tests that need it are skipped.
 */
async function endToEnd(
  paths: readonly string[],
  binary: string | undefined,
  { alone = false, network = false, flags = [], env = {} }: {
    alone?: boolean;
    network?: boolean;
    flags?: readonly string[];
    env?: Record<string, string>;
  } = {},
): Promise<Outcome> {
  if (!paths.length) return { tally: NOTHING };
  const unmade = await (rootfs ??= makeRootfs());
  if (unmade.failed) return { tally: unmade, note: "no root filesystem" };
  const all = { ...env, CONTAINER_BIN: binary };
  const before = await rootWords(all);
  const found = alone ? "alone" : findHierarchies();
  const files = await runFiles(longestFirst(paths), {
    before: before ?? [],
    env: all,
    flags,
    ...typeof found === "string"
      ? { lanes: IN_TURN }
      : { worlds: found, network, lanes: IN_WORLDS },
  });
  const busy = files.reduce((sum, { seconds }) => sum + seconds, 0);
  const outcome = {
    ...outcomeOf(files),
    seconds: typeof found === "string" ? busy : busy / LANES,
  };
  if (before === null) {
    return { ...outcome, note: "not root, and no sudo to be it" };
  }
  return typeof found === "string" && !alone
    ? { ...outcome, note: `one after the other: ${found}` }
    : outcome;
}

/** The compiled program to test, or why there is none. */
function compiledProgram(): { path: string } | { missing: string } {
  const named = Deno.env.get("CONTAINER_BIN");
  if (named) return { path: resolve(named) };
  const path = join(ROOT, "container");
  const built = changed(path);
  if (built === null) return { missing: "no ./container: deno task compile" };
  const newer = programSources().find((file) => (changed(file) ?? 0) > built);
  return newer
    ? { missing: `./container is stale (${relative(ROOT, newer)} is newer)` }
    : { path };
}

/** Runs the program's tests on the compiled program, or else from source. */
async function program(
  paths: readonly string[],
  options: { alone?: boolean } = {},
): Promise<Outcome> {
  const compiled = compiledProgram();
  if (!("missing" in compiled)) {
    return await endToEnd(paths, compiled.path, options);
  }
  const outcome = await endToEnd(paths, undefined, options);
  return { ...outcome, note: `from source: ${compiled.missing}` };
}

const isAlone = (path: string) => nameOf(path) in ALONE;
const isOfImages = (path: string) => /\/tests\/images\//.test(path);
const isOfNetworks = (path: string) => /\/tests\/network\//.test(path);

async function fromSource(paths: readonly string[]): Promise<Outcome> {
  if ("missing" in compiledProgram()) {
    return { tally: NOTHING, note: "with all others, above" };
  }
  return await endToEnd(paths, undefined);
}

async function engines(paths: readonly string[]): Promise<Outcome> {
  if (!paths.length) return { tally: NOTHING };
  const compiled = compiledProgram();
  if ("missing" in compiled) return { tally: SKIPPED, note: compiled.missing };
  if (!await cachePackages()) return { tally: FAILED, note: "no packages" };
  return await endToEnd(paths, compiled.path, {
    flags: LOCKED,
    env: { CONTAINER_ENGINES_RUNTIME: "ours" },
  });
}

/** The most machines at once: more would share processors and memory. */
const MOST_MACHINES = 4;

/** Runs tests in qemu machines, which have another kernel and cgroup v2. */
async function virtualMachines(
  paths: readonly string[],
  options: { name: string; systemd?: boolean; lanes: number },
): Promise<Outcome> {
  if (!paths.length) return { tally: NOTHING };
  if (!await findProgram("qemu-system-x86_64")) {
    return { tally: SKIPPED, note: "qemu-system-x86_64 is not installed" };
  }
  const compiled = compiledProgram();
  const program = "missing" in compiled ? undefined : compiled.path;
  const files = longestFirst(paths, LONGEST_IN_VM).flatMap((path) => {
    if (!program) return { path, fromSource: true };
    const both = nameOf(path) in FROM_SOURCE_IN_VM;
    return [...both ? [true] : [], false]
      .map((fromSource) => ({ path, fromSource }));
  });
  try {
    const results = await runInMachines(files, { ...options, program });
    return {
      ...outcomeOf(results),
      ..."missing" in compiled
        ? { note: `from source: ${compiled.missing}` }
        : {},
    };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { tally: FAILED, note: error.message };
  }
}

const inVms = (path: string) => /\/tests\/vm\//.test(path);
const withSystemd = (path: string) => /\/systemd\w*_test\.ts$/.test(path);

/** All parts, in the order in which they run. */
export function allParts(): Part[] {
  const { program: tests, scripts } = endToEndTests();
  const machines = tests.filter(inVms);
  const own = tests.filter((path) => !inVms(path));
  return [
    {
      name: "format",
      title: "formatting",
      budget: 10,
      quick: true,
      run: check("fmt", "--check", "--quiet"),
    },
    {
      name: "lint",
      title: "lint rules",
      budget: 10,
      quick: true,
      run: check("lint", "--quiet"),
    },
    {
      name: "types",
      title: "types",
      budget: 20,
      quick: true,
      run: check("check", "--quiet", "."),
    },
    {
      name: "unit",
      title: "unit tests",
      budget: 65,
      quick: true,
      run: async (touched) => await units(unitTests().filter(touched)),
    },
    {
      name: "scripts",
      title: "the scripts",
      budget: 160,
      together: "lanes",
      run: (touched) =>
        endToEnd(scripts.filter(touched), undefined, { network: true }),
    },
    {
      name: "compiled",
      title: "the compiled program",
      budget: 850,
      together: "lanes",
      run: (touched) =>
        program(
          own.filter((path) =>
            touched(path) && !isAlone(path) && !isOfImages(path) &&
            !isOfNetworks(path)
          ),
        ),
    },
    {
      name: "images",
      title: "images, registries and layers",
      budget: 180,
      together: "lanes",
      run: (touched) =>
        program(own.filter((path) => touched(path) && isOfImages(path))),
    },
    {
      name: "network",
      title: "networks, links and the firewall",
      budget: 45,
      together: "lanes",
      run: (touched) =>
        program(own.filter((path) => touched(path) && isOfNetworks(path))),
    },
    {
      name: "source",
      title: "the source, where it is different",
      budget: 260,
      together: "lanes",
      run: (touched) =>
        fromSource(
          own.filter((path) => touched(path) && nameOf(path) in FROM_SOURCE),
        ),
    },
    {
      name: "engines",
      title: "engines with the compiled program",
      budget: 190,
      together: "lanes",
      run: (touched) => engines(engineTests().filter(touched)),
    },
    {
      name: "alone",
      title: "the compiled program, one file after the other",
      budget: 110,
      run: (touched) =>
        program(own.filter((path) => touched(path) && isAlone(path)), {
          alone: true,
        }),
    },
    {
      name: "vm",
      title: "a Debian kernel with cgroup v2, under qemu",
      budget: 450,
      together: "machines",
      run: (touched) =>
        virtualMachines(
          machines.filter((path) => touched(path) && !withSystemd(path)),
          {
            name: "vm",
            lanes: Math.min(navigator.hardwareConcurrency, MOST_MACHINES),
          },
        ),
    },
    {
      name: "systemd",
      title: "the same with systemd",
      budget: 300,
      together: "machines",
      run: (touched) =>
        virtualMachines(
          machines.filter((path) => touched(path) && withSystemd(path)),
          { name: "systemd", systemd: true, lanes: 1 },
        ),
    },
  ];
}

/**
 * Runs the unit tests. They are many and short, and change nothing, so one
 * `deno test` for each processor runs a share of them.
 */
async function units(paths: readonly string[]): Promise<Outcome> {
  if (!paths.length) return { tally: NOTHING };
  const lanes = navigator.hardwareConcurrency;
  const groups = Object.values(
    Object.groupBy(paths, (_, index) => index % lanes),
  ).map((group) => group ?? []);
  return outcomeOf(await runTogether(groups, { lanes }));
}
