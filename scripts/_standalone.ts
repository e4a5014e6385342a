/**
 * Builds the standalone binary: the program's text, the code that V8 makes of
 * it, and Deno's runtime in one file.
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

/** In minutes: long enough for a slow download, short enough to notice that it hangs. */
const PATIENCE = 5;

/** In milliseconds, for the container that the build runs itself. */
const WARM_PATIENCE = 60_000;

const SOURCES = join(ROOT, "scripts/standalone");

/**
 * For a program that lives for a moment: no other thread of V8's with work of
 * its own, whose locks the main one would sleep at (3 ms, every other start),
 * room for what a start makes before any of it is sorted out, and no compiler in
 * between, which would make the main thread wait: 2 ms for what runs once.
 */
const V8_FLAGS = [
  "--single-threaded",
  "--min-semi-space-size=4",
  "--no-maglev",
];

/** What is to be put into the binary. */
export interface Parts {
  /** A directory to work in. */
  directory: string;
  /** The file to make. */
  out: string;
  /** Further files, which lie in the directory. */
  carried: readonly string[];
  /** A root filesystem to warm up in. */
  rootfs: string;
  say(line: string): void;
}

/**
 * Makes the binary; a word on why that cannot be. All permissions, since FFI
 * needs what it opens and Deno guards much of /proc and /dev by nothing less.
 * Deno's own code cache would be a file in the shared temporary directory that
 * root then trusts: ours is inside.
 */
export async function makeStandalone(parts: Parts): Promise<string | null> {
  const { directory, out, carried, rootfs, say } = parts;
  const at = (name: string) => join(directory, name);
  for (const name of ["main", "warm"]) {
    await bundle(join(SOURCES, `${name}.ts`), at(`${name}.js`));
  }
  const modules = await splitProgram(
    ["program", "child"].map((name) => join(SOURCES, `${name}.ts`)),
    directory,
  );
  const whole = await textOf(modules);
  const texts = ([WHOLE, ...ROLES] as const).map((which) =>
    at(textFile(which))
  );
  for (const path of texts) await Deno.writeTextFile(path, whole);
  // Twice: to see what each role uses, and to compile what is left of it then.
  for (const round of ["modules", "code"]) {
    const failure = await compile(at("warm"), at("warm.js"), texts);
    if (failure !== null) return failure;
    // What is done before the runtime starts decides what is done then.
    await addEntry(at("warm"));
    const warmed = await warmUp(at("warm"), rootfs);
    if (typeof warmed === "string") {
      say(`The program will start slower than it could: ${warmed}`);
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
  const reason = await addEntry(out) ?? await addFiles(out, files);
  if (reason === null) return null;
  say(`The program will start slower than it could: ${reason}`);
  return await compile(out, at("main.js"), files);
}

/** Bundles a module and all it imports into one short file. */
export async function bundle(entry: string, out: string): Promise<void> {
  await runBundle(["--platform=deno", "--output", out, entry]);
  // What is loaded late is kept under the path that it has on this machine.
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
  return isThere(out) ? null : `${deno} made no ${out}`;
}

/** What a process of the program tells of itself, scripts/standalone/warm.ts. */
interface Warmed {
  role: Role;
  /** The names of the modules it used. */
  modules: string[];
  /** What V8 compiled. */
  code: Uint8Array;
}

/** What the processes wrote, in turn. */
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

/** A bundle with all that engines ask for, in a directory that is there. */
async function makeBundle(directory: string, rootfs: string): Promise<string> {
  const spec = defaultConfig({
    kernel: kernelVersion(),
    arch: Deno.build.arch,
  });
  spec.root.path = await Deno.realPath(rootfs);
  spec.process.terminal = false;
  spec.process.args = ["/bin/true"];
  await Deno.writeTextFile(join(directory, "config.json"), configText(spec));
  return directory;
}

/**
 * Runs the program as what it can be, for V8 to compile what a start needs. A
 * word on why not, where this machine lets us run no container: nothing is lost
 * but time then.
 */
async function warmUp(
  program: string,
  rootfs: string,
): Promise<Warmed[] | string> {
  const bundle = await makeBundle(dirname(program), rootfs);
  const state = join(bundle, "state");
  const all: Warmed[] = [];
  const complaints: string[] = [];
  // Not that of a build beside this one, or of one that was killed.
  const id = `warm-up-${Deno.pid}`;
  for (
    const args of [
      ["ps", "-q", "--filter", "name=nobody-has-this-name"],
      ["run", "--rootfs", rootfs, "/bin/true"],
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
  // Where the process that was to remove it has failed.
  await outputOf(program, {
    args: ["--root", state, "delete", "--force", id],
    patience: WARM_PATIENCE,
  });
  if (ROLES.every((role) => all.some((one) => one.role === role))) return all;
  return complaints.join("\n").trim().split("\n").at(-1)!;
}
