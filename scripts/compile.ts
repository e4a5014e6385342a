/**
 * `deno task compile`: builds the single file `./container`: a standalone
 * binary if Deno's runtime for standalone programs is available, otherwise a
 * script.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
// @ts-types="../types/std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
// @ts-types="../types/std_fs.d.ts"
import { ensureDir } from "@std/fs";
// @ts-types="../types/std_path.d.ts"
import { dirname, join, resolve } from "@std/path";
import $ from "dax";
import { packRootfs } from "../rootfs/embedded.ts";
import { explainDiskError } from "../rootfs/errors.ts";
import { sha256Hex } from "../rootfs/verify.ts";
import { reasonOf } from "./_deno.ts";
import { isThere, ROOT } from "./_files.ts";
import { Scratch } from "./_scratch.ts";
import { bundle, makeStandalone } from "./_standalone.ts";
import {
  codeFile,
  ROLES,
  textFile,
  textsOf,
  WHOLE,
} from "./standalone/load.ts";
import { launcher } from "./_launcher.ts";
import {
  runScript,
  ScriptError,
  ScriptUsageError,
  type Speaker,
  speaker,
  write,
} from "./_report.ts";
import { closeDebugger } from "../launch/attend/debugger.ts";

/** What to build, and where. */
export interface CompileOptions {
  /** The file to create. */
  readonly out: string;
  /** The tree to embed; null for none. */
  readonly rootfs: string | null;
  /** Fail if no standalone binary can be made, instead of making a script. */
  readonly standalone: boolean;
  /** Write details of what was built. */
  readonly debug: boolean;
}

/** The options of `deno task compile` without arguments. */
export const DEFAULTS: CompileOptions = {
  out: join(ROOT, "container"),
  rootfs: join(ROOT, "fs"),
  standalone: false,
  debug: false,
};

/** Deno's message for a full disk, also from bundling and compiling. */
const FULL = /No space left on device|\(os error 28\)/;

const HELP = `Build ./container as a single file

Usage: deno task compile [OPTIONS]

Options:
  --out FILE     Build FILE instead of ./container
  --rootfs DIR   Include DIR instead of ./fs
  --no-rootfs    Do not include a root filesystem
  --standalone   Fail if a standalone binary cannot be built
  --debug        Show details of what was built, or why it could not be
  --help         Show this help

The binary needs Deno's runtime "denort". deno compile downloads it, unless
DENORT_BIN names an existing one. COMPILE_DENO names another Deno to compile
with. If no runtime is available, the result is a script that runs on the Deno
that built it and does not include a root filesystem.
`;

/** Parses the command line. Returns `"help"` if help is requested. Pure. */
export function parse(args: readonly string[]): CompileOptions | "help" {
  const unknown: string[] = [];
  const flags = parseArgs(args, {
    boolean: ["help", "standalone", "no-rootfs", "debug"],
    string: ["out", "rootfs"],
    alias: { help: "h" },
    unknown: (arg) => {
      unknown.push(arg);
      return false;
    },
  });
  if (flags.help) return "help";
  const stray = [...unknown, ...flags._][0];
  if (stray !== undefined) {
    throw new ScriptUsageError(`Unknown argument ${JSON.stringify(stray)}`);
  }
  for (const name of ["out", "rootfs"] as const) {
    if (flags[name] === "" || Array.isArray(flags[name])) {
      throw new ScriptUsageError(`--${name} needs one value`);
    }
  }
  const { out, rootfs } = flags;
  return {
    out: out === undefined ? DEFAULTS.out : resolve(out),
    rootfs: flags["no-rootfs"]
      ? null
      : rootfs === undefined
      ? DEFAULTS.rootfs
      : resolve(rootfs),
    standalone: flags.standalone,
    debug: flags.debug,
  };
}

/**
 * Builds in a temporary directory and renames the result. A running program is
 * never overwritten, and after a failure the old file is still there.
 *
 * @throws {ScriptError}
 */
export async function compileProgram(
  options: CompileOptions,
  say: Speaker,
): Promise<void> {
  try {
    await build(options, say);
  } catch (error) {
    const action = `Cannot build ${options.out}`;
    if (!(error instanceof Error) || !FULL.test(error.message)) {
      throw explainDiskError(action, error);
    }
    throw new ScriptError(`${action}: no space left on device`, {
      hint: "free some space or choose another path with --out",
      cause: error,
    });
  }
}

/** The message about a new program. Pure. */
export const builtMessage = (
  out: string,
  kind: "standalone" | "a script",
  size: string,
) => `Built ${out === DEFAULTS.out ? "./container" : out}: ${kind}, ${size}`;

async function build(
  options: CompileOptions,
  say: Speaker,
): Promise<void> {
  const { out } = options;
  const begun = new Date();
  // As root, a rename would replace a device by the program.
  if (isThere(out) && !(await Deno.stat(out)).isFile) {
    throw new ScriptError(`Cannot write ${out}: it is not a regular file`, {
      hint: "choose another path with --out",
    });
  }
  await ensureDir(dirname(out));
  using scratch = new Scratch(dirname(out));
  // A compiled program knows itself by this file name.
  const program = scratch.at("container");
  const carried = await carryRootfs(options, scratch.path, say);
  const failure = await makeStandalone({
    directory: scratch.path,
    out: program,
    carried: carried === null ? [] : [carried, `${carried}.sha256`],
    rootfs: options.rootfs !== null && isThere(options.rootfs)
      ? options.rootfs
      : "/",
    say,
  }) ?? await unfit(program);
  if (failure !== null) {
    // On a full disk a script could not be written either.
    if (FULL.test(failure)) throw new ScriptError(failure);
    if (options.standalone) {
      throw new ScriptError(`Cannot build a standalone binary: ${failure}`, {
        hint: "name a runtime with DENORT_BIN",
      });
    }
    await makeScript(scratch, program);
  }
  // Sources that change during the build are then newer than the file, so that
  // it counts as stale.
  await Deno.utime(program, begun, begun);
  await Deno.rename(program, out);
  if (failure === null) {
    const texts = ROLES.flatMap(textsOf);
    say(
      builtMessage(out, "standalone", sizes([out])) +
        (carried ? "" : " (no root filesystem)"),
    );
    const parts = [
      `program ${sizes([scratch.at(textFile(WHOLE))])}`,
      `parts of it ${sizes(texts.map((name) => scratch.at(textFile(name))))}`,
      `compiled code ${sizes(texts.map((name) => scratch.at(codeFile(name))))}`,
      carried ? `root filesystem ${sizes([carried])}` : "no root filesystem",
    ];
    say.detail(`It contains: ${parts.join(", ")}`);
    return;
  }
  say(
    `${
      builtMessage(out, "a script", sizes([out]))
    }, because Deno's runtime for a standalone binary cannot be used (deno task compile --debug shows why)`,
  );
  say.detail(`A standalone binary could not be built: ${failure}`);
  say.detail(
    `The script needs ${Deno.execPath()}, and does not include a root filesystem`,
  );
}

/** Why a new binary cannot be used; null if it works. */
async function unfit(program: string): Promise<string | null> {
  const problem = await trialProblem(program);
  // A runtime of another version starts but does not find the program inside.
  return problem && `the runtime does not match this Deno: ${problem}`;
}

/** Packs the tree next to the bundle; null if there is no tree. */
async function carryRootfs(
  { rootfs }: CompileOptions,
  directory: string,
  say: (line: string) => void,
): Promise<string | null> {
  if (rootfs === null) return null;
  if (!isThere(rootfs)) {
    if (rootfs !== DEFAULTS.rootfs) {
      throw new ScriptError(`Cannot include ${rootfs}: no such directory`);
    }
    say("./fs does not exist and is not included; deno task rootfs creates it");
    return null;
  }
  const path = join(directory, "rootfs.tar.gz");
  let archive: Uint8Array;
  try {
    archive = packRootfs(rootfs);
  } catch (error) {
    if (rootfs !== DEFAULTS.rootfs) {
      throw explainDiskError(`Cannot include ${rootfs}`, error);
    }
    const reason = error instanceof Error ? error.message : String(error);
    // A container that ran as root may have left files that the owner cannot
    // read.
    say(`Warning: ${rootfs} is not included: ${reason}`);
    say("deno task rootfs --force creates it again");
    return null;
  }
  await Deno.writeFile(path, gzipSync(archive, { level: 9 }));
  await Deno.writeTextFile(
    `${path}.sha256`,
    `${await sha256Hex(archive)}\n`,
  );
  return path;
}

async function makeScript(scratch: Scratch, program: string): Promise<void> {
  const module = scratch.at("module.js");
  await bundle(join(ROOT, "main.ts"), module);
  const text = launcher(await Deno.readTextFile(module), Deno.execPath());
  await Deno.remove(program).catch(() => {});
  await Deno.writeTextFile(program, text, { mode: 0o755 });
  const problem = await trialProblem(program);
  if (problem !== null) {
    throw new ScriptError(`Cannot build a script either: ${problem}`);
  }
}

/** Why a program that was built does not start; null if it does. */
export async function trialProblem(program: string): Promise<string | null> {
  try {
    // With another flag in front, Deno prints it, not the native entry.
    const { code, combined: output } = await $`${program} --debug --version`
      .env("NO_COLOR", "1").stdin("null").captureCombined().quiet().noThrow()
      .timeout("1m");
    const works = code === 0 && output.startsWith("container version ");
    return works ? null : reasonOf({ code, output });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The total size of files in words. Missing files count as empty. */
const sizes = (paths: readonly string[]) =>
  inWords(
    paths.filter(isThere).reduce(
      (sum, path) => sum + Deno.statSync(path).size,
      0,
    ),
  );

/** A number of bytes in words. */
function inWords(bytes: number): string {
  return bytes < 1e6
    ? `${(bytes / 1e3).toFixed(1)} kB`
    : `${(bytes / 1e6).toFixed(1)} MB`;
}

if (import.meta.main) {
  closeDebugger();
  Deno.exit(
    await runScript("compile", async () => {
      const options = parse(Deno.args);
      if (options === "help") write(Deno.stdout, HELP);
      else {
        await compileProgram(options, speaker("compile", options.debug));
      }
      return 0;
    }),
  );
}
