/**
 * Starting and watching processes for the bench: a run with its output for the
 * set-up, a bare timed run for the measurement, and peak memory.
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";

/** A command line and what it adds to the environment. */
export interface Command {
  argv: readonly string[];
  env?: Record<string, string>;
}

/** How a process ended and what it wrote. */
export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** A hanging candidate must not hang the bench. */
const timedRunLimit = 30_000;

/** Runs a command to its end and keeps its output. An abort or `timeout` (ms) kills it. */
export async function run(
  command: Command,
  options: { signal?: AbortSignal; timeout?: number } = {},
): Promise<Finished> {
  options.signal?.throwIfAborted();
  const child = new Deno.Command(command.argv[0]!, {
    args: command.argv.slice(1),
    env: command.env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const limit = options.timeout ?? timedRunLimit;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    kill(child);
  }, limit);
  const onAbort = () => kill(child);
  options.signal?.addEventListener("abort", onAbort);
  try {
    const output = await child.output();
    options.signal?.throwIfAborted();
    const decoder = new TextDecoder();
    const stderr = decoder.decode(output.stderr);
    return {
      code: output.code,
      stdout: decoder.decode(output.stdout),
      stderr: late ? `${stderr}\nkilled after ${limit / 1000} s` : stderr,
    };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

/**
 * Milliseconds of wall clock from before the spawn until the exit status is
 * here, or null when that status is not 0.
 */
export async function time(command: Command): Promise<number | null> {
  const process = new Deno.Command(command.argv[0]!, {
    args: command.argv.slice(1),
    env: command.env,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  const start = performance.now();
  const child = process.spawn();
  const timer = setTimeout(() => kill(child), timedRunLimit);
  try {
    const status = await child.status;
    const elapsed = performance.now() - start;
    return status.success ? elapsed : null;
  } finally {
    clearTimeout(timer);
  }
}

/** The milliseconds that a command prints, or null when it failed. */
export async function timeSaid(
  command: Command,
  signal?: AbortSignal,
): Promise<number | null> {
  const { code, stdout } = await run(command, { signal });
  const said = Number(stdout.trim() || NaN);
  return code === 0 && Number.isFinite(said) ? said : null;
}

/**
 * The peak resident set, in KiB, of the largest process of the tree, or null
 * when the command failed. GNU time takes it from wait4, which covers every
 * descendant that was itself waited for.
 */
export async function peakKiB(
  command: Command,
  gnuTime: string,
  file: string,
): Promise<number | null> {
  const argv = [gnuTime, "-f", "%M", "-o", file, "--", ...command.argv];
  const { code } = await run({ ...command, argv });
  if (code !== 0) return null;
  const figure = Number((await Deno.readTextFile(file)).trim());
  return Number.isFinite(figure) && figure > 0 ? figure : null;
}

/** Finds GNU time, which knows `-f`; the shell's keyword and BusyBox's do not do. */
export async function findGnuTime(): Promise<string | null> {
  const path = await which("time");
  if (path === null) return null;
  const { code, stderr } = await run({ argv: [path, "-f", "%M", "true"] });
  return code === 0 && /^\d+\s*$/.test(stderr) ? path : null;
}

/** The first executable of this name on PATH, or null. */
export async function which(name: string): Promise<string | null> {
  for (const dir of (Deno.env.get("PATH") ?? "").split(":")) {
    if (dir !== "" && await isExecutable(join(dir, name))) {
      return join(dir, name);
    }
  }
  return null;
}

/** Whether a path is a regular file that somebody may execute. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    const info = await Deno.stat(path);
    return info.isFile && ((info.mode ?? 0) & 0o111) !== 0;
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied ||
      error instanceof Deno.errors.NotADirectory
    ) return false;
    throw error;
  }
}

/**
 * What a failed command says in one line: the first of its error lines, with
 * the last of the causes that Rust programs list below, else its status.
 */
export function complaint(result: Finished): string {
  const [text = ""] = result.stderr.split("Stack backtrace:");
  const [said = "", causes = ""] = text
    // deno-lint-ignore no-control-regex
    .replaceAll(/\x1b\[[0-9;]*m/g, "")
    .split("Caused by:");
  const lines = linesOf(said);
  const line = lines.find((line) => /error|fatal|cannot|failed/i.test(line)) ??
    lines[0] ?? `exit status ${result.code}`;
  const cause = linesOf(causes).at(-1)?.replace(/^\d+: /, "");
  return cause === undefined ? line : `${line}: ${cause}`;
}

function linesOf(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter(Boolean);
}

function kill(child: Deno.ChildProcess) {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It ended by itself in the meantime.
    if (!(error instanceof TypeError)) throw error;
  }
}
