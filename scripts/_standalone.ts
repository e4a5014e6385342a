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
import { ImageServer } from "./_image_server.ts";
import { runBundle, shorten, splitProgram, textOf } from "./_texts.ts";
import {
  codeFile,
  placesFile,
  type Role,
  ROLES,
  textFile,
  type TextName,
  textsOf,
  WHOLE,
} from "./standalone/load.ts";
import {
  DIRECTORY_NAME,
  IMAGE_NAME,
  type Report,
  reportFile,
} from "./standalone/report.ts";

/** Minutes: enough for a slow download, and short enough to notice a hang. */
const PATIENCE = 5;

/** Milliseconds for a container that the build itself runs. */
const WARM_PATIENCE = 60_000;

const SOURCES = join(ROOT, "scripts/standalone");

/**
 * V8 flags for a short-lived program. Without other V8 threads the main thread
 * never sleeps at their locks (3 ms in every other start). The larger young
 * generation avoids a garbage collection during the start. Without Maglev and
 * Sparkplug the main thread never waits for these compilers, which take 2 ms
 * and 3 ms for code that runs a few times.
 */
const V8_FLAGS = [
  "--single-threaded",
  "--min-semi-space-size=4",
  "--no-maglev",
  "--no-sparkplug",
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
  const texts: ReadonlyMap<TextName, string> = new Map(
    ([WHOLE, ...ROLES.flatMap(textsOf)] as const)
      .map((name) => [name, at(textFile(name))]),
  );
  const files = new Set([...texts.values(), ...carried]);
  const whole = await textOf(modules);
  for (const path of texts.values()) await Deno.writeTextFile(path, whole);
  // The first round finds the modules of each text, the second compiles the
  // reduced texts.
  for (const round of ["modules", "code"]) {
    const failure = await compile(at("warm"), at("warm.js"), [...files]);
    if (failure !== null) return failure;
    // The native entry does a part of the work: PID 1 is native.
    await addEntry(at("warm"));
    const warmed = await warmUp(at("warm"), rootfs);
    if (typeof warmed === "string") {
      say(`The program will start more slowly: ${warmed}`);
      break;
    }
    if (round === "modules") {
      for (const role of ROLES) {
        const path = at(placesFile(role));
        await Deno.writeTextFile(path, placesOf(role, warmed));
        files.add(path);
      }
    }
    for (const { name, modules: used, code } of warmed) {
      if (round === "modules") {
        await Deno.writeTextFile(texts.get(name)!, await textOf(modules, used));
      } else if (code !== null) {
        const path = at(codeFile(name));
        await Deno.writeFile(path, Uint8Array.fromBase64(code));
        files.add(path);
      }
    }
  }
  const unmade = await compile(out, at("main.js"));
  if (unmade !== null) return unmade;
  const reason = await addEntry(out, await digestAmong(carried)) ??
    await addFiles(out, [...files]);
  if (reason === null) return null;
  say(`The program will start more slowly: ${reason}`);
  return await compile(out, at("main.js"), [...files]);
}

/** The text of each module of a role's parts, as JSON. */
function placesOf(role: Role, reports: readonly Report[]): string {
  const parts = textsOf(role).slice(1);
  return JSON.stringify(Object.fromEntries(
    reports.filter(({ name }) => parts.includes(name))
      .flatMap(({ name, modules }) => modules.map((module) => [module, name])),
  ));
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
): Promise<Report[] | string> {
  const directory = dirname(program);
  const bundle = await makeBundle(directory, rootfs);
  const state = join(bundle, "state");
  const store = join(bundle, "store");
  await Deno.remove(store, { recursive: true }).catch(() => {});
  await using server = new ImageServer();
  const complaints: string[] = [];
  // Unique, so that it does not collide with another build or a killed one.
  const id = `warm-up-${Deno.pid}`;
  for (
    const args of [
      ["--store", store, "images", "-q"],
      // With a flag that needs Deno.
      ["run", "-u", "0", "--rootfs", rootfs, "/bin/true"],
      ["ps", "-q", "--filter", "name=nobody-has-this-name"],
      ["--root", state, "create", "--bundle", bundle, id],
    ]
  ) {
    const { stderr } = await outputOf(program, {
      args,
      env: {
        NO_COLOR: "1",
        [DIRECTORY_NAME]: directory,
        [IMAGE_NAME]: server.image,
      },
      patience: WARM_PATIENCE,
    });
    complaints.push(new TextDecoder().decode(stderr).trim());
  }
  // Needed only if the process that should remove it has failed.
  await outputOf(program, {
    args: ["--root", state, "delete", "--force", id],
    patience: WARM_PATIENCE,
  });
  try {
    return ROLES.flatMap((role) =>
      JSON.parse(
        Deno.readTextFileSync(join(directory, reportFile(role))),
      ) as Report[]
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return complaints.join("\n").trim().split("\n").at(-1)!;
  }
}
