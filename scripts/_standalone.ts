/**
 * Builds the standalone binary: one file with the program's text, the code that
 * V8 compiles from it, and Deno's runtime.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { dirname, join } from "@std/path";
import { defaultConfig } from "../containers/decide/default_config.ts";
import { kernelVersion } from "../containers/decide/seccomp.ts";
import { configText } from "../spec/config_text.ts";
import { outputOf, reasonOf, runDeno } from "./_deno.ts";
import { addFiles } from "./_carry.ts";
import { addEntry } from "./_entry.ts";
import { isThere, ROOT } from "./_files.ts";
import { runBundle, shorten, splitProgram, textOf } from "./_texts.ts";
import {
  codeFile,
  type Role,
  ROLES,
  textFile,
  WHOLE,
} from "./standalone/load.ts";

/** Minutes: enough for a slow download, and short enough to notice a hang. */
const PATIENCE = 5;

/** Milliseconds for a container that the build itself runs. */
const WARM_PATIENCE = 60_000;

const SOURCES = join(ROOT, "scripts/standalone");

/**
 * V8 flags for a short-lived program. Without other V8 threads the main thread
 * never sleeps at their locks (3 ms in every other start). The larger young
 * generation avoids a garbage collection during the start. Without Maglev the
 * main thread never waits for that compiler, which takes 2 ms for code that
 * runs once.
 */
const V8_FLAGS = [
  "--single-threaded",
  "--min-semi-space-size=4",
  "--no-maglev",
];

/** What goes into the binary. */
export interface Parts {
  /** A directory to work in. */
  directory: string;
  /** The file to create. */
  out: string;
  /** More files to embed, which are in the directory. */
  carried: readonly string[];
  /** A root filesystem for the containers that the build runs. */
  rootfs: string;
  say(line: string): void;
}

/**
 * Makes the binary. Returns a sentence that says why that is impossible, or
 * null.
 *
 * The program has all permissions, because FFI needs the files it opens, and
 * Deno allows many files of /proc and /dev only with all permissions. Deno's
 * own code cache is disabled: it would be a file in the shared temporary
 * directory that root then trusts. The compiled code is inside the binary
 * instead.
 */
export async function makeStandalone(parts: Parts): Promise<string | null> {
  const { directory, out, carried, rootfs, say } = parts;
  const at = (name: string) => join(directory, name);
  for (const name of ["main", "warm"]) {
    await bundle(join(SOURCES, `${name}.ts`), at(`${name}.js`));
  }
  const modules = await splitProgram(
    [join(SOURCES, "program.ts")],
    directory,
  );
  const whole = await textOf(modules);
  const texts = ([WHOLE, ...ROLES] as const).map((which) =>
    at(textFile(which))
  );
  for (const path of texts) await Deno.writeTextFile(path, whole);
  // The first round finds the modules of each role, the second compiles the
  // reduced texts.
  for (const round of ["modules", "code"]) {
    const failure = await compile(at("warm"), at("warm.js"), texts);
    if (failure !== null) return failure;
    // The native entry does a part of the work: PID 1 is native.
    await addEntry(at("warm"));
    const warmed = await warmUp(at("warm"), rootfs);
    if (typeof warmed === "string") {
      say(`The program will start more slowly: ${warmed}`);
      break;
    }
    for (const { role, modules: used, code } of warmed) {
      if (round === "code") {
        await Deno.writeFile(at(codeFile(role)), code);
        texts.push(at(codeFile(role)));
      } else {
        const text = await textOf(modules, used);
        await Deno.writeTextFile(at(textFile(role)), text);
      }
    }
  }
  const files = [...texts, ...carried];
  const unmade = await compile(out, at("main.js"));
  if (unmade !== null) return unmade;
  const reason = await addEntry(out, await digestAmong(carried)) ??
    await addFiles(out, files);
  if (reason === null) return null;
  say(`The program will start more slowly: ${reason}`);
  return await compile(out, at("main.js"), files);
}

/** The digest of the root filesystem, if it is among the files. */
async function digestAmong(files: readonly string[]): Promise<string | null> {
  const file = files.find((path) => path.endsWith(".sha256"));
  return file === undefined ? null : (await Deno.readTextFile(file)).trim();
}

/** Bundles a module and all its imports into one minified file. */
export async function bundle(entry: string, out: string): Promise<void> {
  await runBundle(["--platform=deno", "--output", out, entry]);
  // Modules that are loaded on demand are named by their path on this machine;
  // remove it.
  const text = (await Deno.readTextFile(out))
    .replace(/(__(?:esm|commonJS)\(\{\s*(?:async )?)"[^"]+"\(/g, '$1"_"(');
  await Deno.writeTextFile(out, await shorten(text));
}

async function compile(
  out: string,
  main: string,
  files: readonly string[] = [],
): Promise<string | null> {
  const deno = Deno.env.get("COMPILE_DENO") || Deno.execPath();
  const outcome = await runDeno(
    deno,
    [
      "compile",
      "--allow-all",
      "--no-check",
      "--no-config",
      "--no-lock",
      "--no-code-cache",
      `--v8-flags=${V8_FLAGS.join(",")}`,
      ...files.map((path) => `--include=${path}`),
      "--output",
      out,
      main,
    ],
    { cwd: dirname(out), minutes: PATIENCE },
  );
  if (outcome.code !== 0) return reasonOf(outcome);
  return isThere(out) ? null : `${deno} did not create ${out}`;
}

/** The report of one process of the program, see scripts/standalone/warm.ts. */
interface Warmed {
  role: Role;
  /** The names of the modules that it used. */
  modules: string[];
  /** The code that V8 has compiled. */
  code: Uint8Array;
}

/** Parses the reports, which follow one another. */
function warmedIn(stdout: Uint8Array): Warmed[] {
  const all: Warmed[] = [];
  const decoder = new TextDecoder();
  for (let rest = stdout; rest.length;) {
    const end = rest.indexOf("\n".charCodeAt(0)) + 1;
    const { role, modules, length } = JSON.parse(
      decoder.decode(rest.subarray(0, end)),
    ) as { role: Role; modules: string[]; length: number };
    all.push({ role, modules, code: rest.slice(end, end + length) });
    rest = rest.subarray(end + length);
  }
  return all;
}

/**
 * Creates a bundle with everything that engines use, in an existing directory.
 */
async function makeBundle(directory: string, rootfs: string): Promise<string> {
  const spec = defaultConfig({
    kernel: kernelVersion(Deno.osRelease()),
    arch: Deno.build.arch,
  });
  spec.root.path = await Deno.realPath(rootfs);
  spec.process.terminal = false;
  spec.process.args = ["/bin/true"];
  await Deno.writeTextFile(join(directory, "config.json"), configText(spec));
  return directory;
}

/**
 * Runs the program in each of its roles, so that V8 compiles the code that a
 * start needs. Returns a sentence that says why that failed, for example on a
 * machine that cannot run containers. Then starts are only slower.
 */
async function warmUp(
  program: string,
  rootfs: string,
): Promise<Warmed[] | string> {
  const bundle = await makeBundle(dirname(program), rootfs);
  const state = join(bundle, "state");
  const all: Warmed[] = [];
  const complaints: string[] = [];
  // Unique, so that it does not collide with another build or a killed one.
  const id = `warm-up-${Deno.pid}`;
  for (
    const args of [
      ["ps", "-q", "--filter", "name=nobody-has-this-name"],
      // With a flag that needs Deno.
      ["run", "-w", "/", "--rootfs", rootfs, "/bin/true"],
      ["--root", state, "create", "--bundle", bundle, id],
    ]
  ) {
    const { stdout, stderr } = await outputOf(program, {
      args,
      env: { NO_COLOR: "1" },
      patience: WARM_PATIENCE,
    });
    all.push(...warmedIn(stdout));
    complaints.push(new TextDecoder().decode(stderr).trim());
  }
  // Needed only if the process that should remove it has failed.
  await outputOf(program, {
    args: ["--root", state, "delete", "--force", id],
    patience: WARM_PATIENCE,
  });
  if (ROLES.every((role) => all.some((one) => one.role === role))) return all;
  return complaints.join("\n").trim().split("\n").at(-1)!;
}
