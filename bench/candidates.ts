/**
 * All candidates in the order of the report: container itself and Deno's bare
 * starts here, the others from typed.ts, peers.ts, runtimes.ts and engines.ts.
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";
import { type Attempt, type Candidate, Unavailable } from "./candidate.ts";
import { copyOfProgram, mtime } from "./compiled.ts";
import { engines } from "./engines.ts";
import { runtimes } from "./runtimes.ts";
import { peers } from "./peers.ts";
import { complaint, isExecutable, run } from "./process.ts";
import { FIRST, typedRuns } from "./typed.ts";
import type { Workspace } from "./workspace.ts";

/** container from source, in default mode or with `flags`. */
function fromSource(
  name: string,
  label: string,
  flags: readonly string[],
): Candidate {
  return {
    name,
    label,
    bare: "bare-source",
    async prepare({ repo, rootfs }): Promise<Attempt[]> {
      const main = join(repo, "main.ts");
      if (!await isFile(main)) throw new Unavailable("there is no main.ts");
      const argv = [Deno.execPath(), "run", "-A", main, "run", "-q", ...flags];
      argv.push("--rootfs", rootfs, "/bin/true");
      return [{ command: () => ({ argv }) }];
    },
  };
}

/** The compiled container, in default mode or with `flags`. */
function compiled(
  name: string,
  label: string,
  flags: readonly string[],
  env?: Record<string, string>,
): Candidate {
  return {
    name,
    label,
    bare: "bare-compiled",
    async prepare(workspace): Promise<Attempt[]> {
      const argv = [await copyOfProgram(workspace), "run", "-q", ...flags];
      argv.push("--rootfs", workspace.rootfs, "/bin/true");
      return [{ command: () => ({ argv, env }) }];
    },
  };
}

/** How many containers the library candidates start, one after another. */
const MANY = 50;

/** One of many containers that a process starts through the library. */
function library(name: string, label: string, words: string[]): Candidate {
  return {
    name,
    label,
    prepare({ repo, rootfs }): Promise<Attempt[]> {
      const many = join(repo, "bench", "many.ts");
      const argv = [Deno.execPath(), "run", "-A", many, rootfs, String(MANY)];
      argv.push(...words);
      return Promise.resolve([{
        command: () => ({ argv }),
        saysTime: true,
        note: `each of ${MANY} in one process; the memory is that process's`,
      }]);
    },
  };
}

/**
 * The candidates of this repository, then Deno's bare starts, then the peers.
 */
export const candidates: readonly Candidate[] = [
  compiled("compiled", "container, compiled", []),
  compiled("compiled-no-init", "container, compiled, --no-init", ["--no-init"]),
  // This flag changes nothing, but it needs the Deno runtime like most flags.
  compiled(
    "compiled-flag",
    "container, compiled, a flag, the first time",
    ["-u", "0"],
    FIRST,
  ),
  compiled(
    "compiled-no-init-flag",
    "container, compiled, --no-init, a flag, the first time",
    ["--no-init", "-u", "0"],
    FIRST,
  ),
  compiled("compiled-again", "container, compiled, a flag, again", [
    "-u",
    "0",
  ]),
  compiled("compiled-no-init-again", "container, compiled, --no-init, again", [
    ...["--no-init", "-u", "0"],
  ]),
  {
    name: "compiled-version",
    label: "container --version, compiled",
    bare: "bare-compiled",
    async prepare(workspace): Promise<Attempt[]> {
      const argv = [await copyOfProgram(workspace), "--version"];
      return [{ command: () => ({ argv }) }];
    },
  },
  compiled("compiled-cgroup", "container, compiled, --no-init, cgroup", [
    "--no-init",
    "--memory",
    "64m",
  ]),
  ...typedRuns,
  library("library", "container, library, one of many", []),
  library("sandbox", "container, sandbox, created and ended", ["sandbox"]),
  library("sandbox-join", "container, a command in a living sandbox", ["join"]),
  library("library-seed", "container, library, the seed's steps", ["seed"]),
  fromSource("source", "container, source", []),
  fromSource("source-no-init", "container, source, --no-init", ["--no-init"]),
  {
    name: "bare-compiled",
    label: "empty program, deno compile",
    prepare: async (workspace) => {
      const argv = [await compileBare(workspace)];
      return [{ command: () => ({ argv }) }];
    },
  },
  {
    name: "bare-source",
    label: "empty program, deno run",
    version: [Deno.execPath(), "--version"],
    prepare({ repo }) {
      const program = join(repo, "bench", "bare.ts");
      const argv = [Deno.execPath(), "run", "-A", program];
      return Promise.resolve([{ command: () => ({ argv }) }]);
    },
  },
  ...runtimes,
  ...engines,
  ...peers,
];

/**
 * Compiles the empty program with the same Deno and runtime as ./container
 * (`COMPILE_DENO`, `DENORT_BIN`). It is cached, because the kernel would still
 * be writing a new file of this size to disk during the measurement.
 */
async function compileBare(workspace: Workspace): Promise<string> {
  const { cache, dir, repo, env, signal } = workspace;
  const deno = Deno.env.get("COMPILE_DENO") || Deno.execPath();
  const binary = join(cache, "bare");
  const keyFile = `${binary}.key`;
  const version = await run({ argv: [deno, "--version"] }).catch((error) => {
    throw new Unavailable(`COMPILE_DENO does not start: ${error.message}`);
  });
  const key = [
    version.stdout,
    Deno.env.get("DENORT_BIN") ?? "",
    await mtime(deno),
  ]
    .join("\n");
  if (await isExecutable(binary) && await readIfThere(keyFile) === key) {
    return binary;
  }
  // Deno writes a temporary file next to its output, which stays if Deno is
  // stopped. So the output goes to the temporary directory first.
  const fresh = join(dir, "bare");
  const argv = [deno, "compile", "-A", "--no-check", "--no-config"];
  argv.push("--output", fresh, join(repo, "bench", "bare.ts"));
  const result = await run({ argv, env }, { signal, timeout: 120_000 });
  if (result.code !== 0) {
    throw new Unavailable(`cannot be compiled: ${complaint(result)}`);
  }
  await Deno.copyFile(fresh, `${binary}.new`);
  await Deno.rename(`${binary}.new`, binary);
  await Deno.writeTextFile(keyFile, key);
  return binary;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
