/**
 * Builds the standalone binary: the program's text, the code that V8 makes of
 * it, and Deno's runtime in one file.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { dirname, join } from "@std/path";
import { stop, transform } from "esbuild";
import { defaultConfig } from "../lifecycle/default_config.ts";
import { kernelVersion } from "../lifecycle/seccomp.ts";
import { configText } from "../spec/config_text.ts";
import { reasonOf, runDeno } from "./_deno.ts";
import { addShortcut } from "./_shortcut.ts";
import { isThere, ROOT } from "./_files.ts";
import { ScriptError } from "./_report.ts";
import {
  codeFile,
  type Role,
  ROLES,
  textFile,
  TEXTS,
} from "./standalone/load.ts";

/** In minutes: long enough for a slow download, short enough to notice that it hangs. */
const PATIENCE = 5;

/** In milliseconds, for the container that the build runs itself. */
const WARM_PATIENCE = 60_000;

const SOURCES = join(ROOT, "scripts/standalone");

/**
 * For a program that lives for a moment: no other thread of V8's with work of
 * its own, whose locks the main one would sleep at (3 ms, every other start),
 * and room for what a start makes before any of it is sorted out.
 */
const V8_FLAGS = ["--single-threaded", "--min-semi-space-size=4"];

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
  const { directory, out, carried, say } = parts;
  const at = (name: string) => join(directory, name);
  // The other platform's bundles import, which a classic script cannot.
  const classic = ["--platform=browser", "--format=iife"];
  for (const role of TEXTS) {
    const path = at(textFile(role));
    await bundle(join(SOURCES, `${role}.ts`), path, classic);
  }
  for (const name of ["main", "warm"]) {
    const source = join(SOURCES, `${name}.ts`);
    await bundle(source, at(`${name}.js`), ["--platform=deno"]);
  }
  const texts = TEXTS.map((role) => at(textFile(role)));
  const failure = await compile(at("warm"), at("warm.js"), texts);
  if (failure !== null) return failure;
  const files = [...texts, ...carried];
  for (const [role, code] of await warmUp(at("warm"), parts.rootfs, say)) {
    files.push(at(codeFile(role)));
    await Deno.writeFile(at(codeFile(role)), code);
  }
  const unmade = await compile(out, at("main.js"), files);
  if (unmade !== null) return unmade;
  const reason = await addShortcut(out);
  if (reason !== null) {
    say(`Engines will call the program slower than they could: ${reason}`);
  }
  return null;
}

/**
 * Bundles a module and all it imports into one short file.
 *
 * `deno bundle --minify` rewrites statements too: it puts a value that is used
 * once in the place of its variable, `using` ones as well, and nothing is
 * closed any more. Escapes for what is not ASCII, all of which is in strings:
 * V8 holds such a text in half the memory, and takes it over as it is.
 */
export async function bundle(
  entry: string,
  out: string,
  flags: readonly string[],
): Promise<void> {
  const outcome = await runDeno(
    Deno.execPath(),
    ["bundle", "--quiet", ...flags, "--output", out, entry],
    { cwd: ROOT, minutes: PATIENCE },
  );
  if (outcome.code !== 0 || !isThere(out)) {
    throw new ScriptError(`Cannot bundle the program: ${reasonOf(outcome)}`, {
      hint:
        "the first bundling fetches esbuild from npm, which needs a network",
    });
  }
  // What is loaded late is kept under the path that it has on this machine.
  const text = (await Deno.readTextFile(out))
    .replace(/(__(?:esm|commonJS)\(\{\s*(?:async )?)"[^"]+"\(/g, '$1"_"(');
  const { code } = await transform(text, {
    minifyWhitespace: true,
    minifyIdentifiers: true,
    legalComments: "none",
    charset: "ascii",
    target: "esnext",
  });
  await stop();
  await Deno.writeTextFile(out, code);
}

async function compile(
  out: string,
  main: string,
  files: readonly string[],
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

/** What the processes wrote, in turn. */
function codesIn(stdout: Uint8Array): Map<Role, Uint8Array> {
  const codes = new Map<Role, Uint8Array>();
  const decoder = new TextDecoder();
  for (let rest = stdout; rest.length;) {
    const end = rest.indexOf("\n".charCodeAt(0)) + 1;
    const { role, length } = JSON.parse(
      decoder.decode(rest.subarray(0, end)),
    ) as { role: Role; length: number };
    codes.set(role, rest.slice(end, end + length));
    rest = rest.subarray(end + length);
  }
  return codes;
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
 * Runs a container, for V8 to compile what a start needs, and takes that over.
 * Nothing is lost but time where this machine lets us run none.
 */
async function warmUp(
  program: string,
  rootfs: string,
  say: (line: string) => void,
): Promise<Map<Role, Uint8Array>> {
  const bundle = await makeBundle(dirname(program), rootfs);
  const state = join(bundle, "state");
  const codes = new Map<Role, Uint8Array>();
  const complaints: string[] = [];
  for (
    const args of [
      ["run", "--rootfs", rootfs, "/bin/true"],
      ["--root", state, "create", "--bundle", bundle, "warm-up"],
    ]
  ) {
    const { stdout, stderr } = await new Deno.Command(program, {
      args,
      env: { NO_COLOR: "1" },
      stdin: "null",
      signal: AbortSignal.timeout(WARM_PATIENCE),
    }).output();
    for (const [role, code] of codesIn(stdout)) codes.set(role, code);
    complaints.push(new TextDecoder().decode(stderr).trim());
  }
  if (codes.size < ROLES.length) {
    const reason = complaints.join("\n").trim().split("\n").at(-1);
    say(`The program will start slower than it could: ${reason}`);
  }
  return codes;
}
