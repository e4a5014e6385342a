/**
 * `deno task start`: from a fresh checkout to a command in a container. Builds
 * what is missing or stale as the caller, and is root for the run alone, where
 * it can be.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";
import { compileProgram, DEFAULTS, trialProblem } from "./compile.ts";
import { changed, isThere, programSources, ROOT } from "./_files.ts";
import { findProgram } from "./_find_program.ts";
import { runScript, speaker } from "./_report.ts";
import { buildRootfs } from "./rootfs.ts";
import { closeDebugger } from "../launch/attend/debugger.ts";

/** For who has no terminal to type into. */
const GREETING = 'echo "Hello from $(hostname). All that runs here:"; ps';

/** What `container run` gets after its name; pure. */
export function wordsToRun(
  args: readonly string[],
  { terminal }: { terminal: boolean },
): string[] {
  if (args.length) return [...args];
  return terminal ? ["/bin/sh"] : ["/bin/sh", "-c", GREETING];
}

/** How the program is run, and what to say of that; pure. */
export function runAs(
  caller: { root: boolean; sudo?: string },
  line: readonly string[],
): { line: string[]; note: string | null } {
  if (caller.root) return { line: [...line], note: null };
  const { sudo } = caller;
  return sudo
    ? { line: [sudo, "--", ...line], note: "Running ./container with sudo" }
    : {
      line: [...line],
      note: "There is no sudo: running ./container without root",
    };
}

/** Why a program must be built again, null when it need not be. */
export async function staleness(program: string): Promise<string | null> {
  const built = changed(program);
  if (built === null) return "there is none yet";
  // Of the tree, busybox: the rest changes when containers use it.
  const inputs = [...programSources(), join(ROOT, "fs/bin/busybox")];
  const newer = inputs.find((path) => (changed(path) ?? 0) > built);
  if (newer) return `${newer.slice(ROOT.length + 1)} is newer`;
  // A script does not outlive the Deno that built it.
  return await trialProblem(program);
}

/** Whether a path holds what a command could be run in, whoever made it. */
export function hasTree(path: string): boolean {
  try {
    const { isSymlink } = Deno.lstatSync(path);
    // A link is what `deno task rootfs` makes: there busybox is everything.
    return Deno.statSync(`${path}/bin`).isDirectory &&
      (!isSymlink || isThere(`${path}/bin/busybox`));
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return false;
    throw error;
  }
}

async function start(args: readonly string[]): Promise<number> {
  Deno.chdir(ROOT);
  const say = speaker("start");
  if (!hasTree("fs")) {
    // Where something is in the way or broken it says what, and the cure.
    await buildRootfs(
      { out: "fs", force: false, minimal: false, offline: false },
      speaker("rootfs"),
    );
  }
  const stale = await staleness(DEFAULTS.out);
  if (stale !== null) {
    say(`Building ./container: ${stale}`);
    await compileProgram(DEFAULTS, speaker("compile"));
  }
  const terminal = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  const words = ["run", ...wordsToRun(args, { terminal })];
  const root = Deno.uid() === 0;
  const { line, note } = runAs(
    { root, sudo: root ? undefined : await findProgram("sudo") },
    [DEFAULTS.out, ...words],
  );
  if (note !== null) say(note);
  return await runToEnd(line);
}

/** Runs a command on our terminal; its status, 128+n when signal n ended it. */
async function runToEnd([program, ...args]: string[]): Promise<number> {
  const child = new Deno.Command(program!, {
    args,
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  // A terminal sends these to the command as well, which decides.
  for (const signal of ["SIGINT", "SIGQUIT"] as const) {
    Deno.addSignalListener(signal, () => {});
  }
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => child.kill(signal));
  }
  // Deno gives 128+n where a signal ended it.
  return (await child.status).code;
}

if (import.meta.main) {
  closeDebugger();
  Deno.exit(await runScript("start", () => start(Deno.args)));
}
