/**
 * `deno task start`: from a fresh checkout to a command in a container. Builds
 * what is missing or stale as the caller, and uses root only for the run, if
 * possible.
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

/** The command if there is no terminal for a shell. */
const GREETING =
  'echo "Hello from $(hostname). The processes in this container:"; ps';

/** The arguments of `container run`. Pure. */
export function wordsToRun(
  args: readonly string[],
  { terminal }: { terminal: boolean },
): string[] {
  if (args.length) return [...args];
  return terminal ? ["/bin/sh"] : ["/bin/sh", "-c", GREETING];
}

/** The command line that runs the program, and a message about it. Pure. */
export function runAs(
  caller: { root: boolean; sudo?: string },
  line: readonly string[],
): { line: string[]; note: string | null } {
  if (caller.root) return { line: [...line], note: null };
  const { sudo } = caller;
  return sudo
    ? {
      line: [sudo, "--", ...line],
      note:
        "Running ./container with sudo; without it, ./container run works too: you are root inside, with your own files only",
    }
    : {
      line: [...line],
      note:
        "Running ./container without root, since sudo is not installed: you are root inside, with your own files only",
    };
}

/** The message before a build, which takes a while. Pure. */
export const buildingMessage = (reason: string) =>
  `Building ./container: ${reason}`;

/** Why there is nothing to run yet. */
export const NOT_BUILT = "it does not exist yet";

/** Why a program must be built again; null if it is up to date. */
export async function staleness(program: string): Promise<string | null> {
  const built = changed(program);
  if (built === null) return NOT_BUILT;
  // Of the tree only busybox counts, because containers change the rest.
  const inputs = [...programSources(), join(ROOT, "fs/bin/busybox")];
  const newer = inputs.find((path) => (changed(path) ?? 0) > built);
  if (newer) return `${newer.slice(ROOT.length + 1)} is newer`;
  // A script stops working when the Deno that built it is gone.
  return await trialProblem(program);
}

/** Whether a path contains a tree in which a command can run, of any origin. */
export function hasTree(path: string): boolean {
  try {
    const { isSymlink } = Deno.lstatSync(path);
    // A link was made by `deno task rootfs`, and such a tree needs busybox.
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

/** The flag of `start` itself, which comes first, and the command. Pure. */
export function startWords(
  [first, ...rest]: readonly string[],
): { debug: boolean; args: string[] } {
  return first === "--debug"
    ? { debug: true, args: rest }
    : { debug: false, args: first === undefined ? [] : [first, ...rest] };
}

async function start(all: readonly string[]): Promise<number> {
  Deno.chdir(ROOT);
  const { debug, args } = startWords(all);
  const say = speaker("start", debug);
  if (!hasTree("fs")) {
    // If something is in the way or broken, this reports it and how to fix it.
    await buildRootfs(
      { out: "fs", force: false, minimal: false, offline: false },
      speaker("rootfs", debug),
    );
  }
  const stale = await staleness(DEFAULTS.out);
  if (stale !== null) {
    say(buildingMessage(stale));
    await compileProgram(DEFAULTS, speaker("compile", debug));
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

/**
 * Runs a command on this terminal. Returns its status; 128+n if signal n ended
 * it.
 */
async function runToEnd([program, ...args]: string[]): Promise<number> {
  const child = new Deno.Command(program!, {
    args,
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  // The terminal sends these signals to the command too, and the command
  // decides.
  for (const signal of ["SIGINT", "SIGQUIT"] as const) {
    Deno.addSignalListener(signal, () => {});
  }
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => child.kill(signal));
  }
  // Deno returns 128+n if a signal ended the command.
  return (await child.status).code;
}

if (import.meta.main) {
  closeDebugger();
  Deno.exit(await runScript("start", () => start(Deno.args)));
}
