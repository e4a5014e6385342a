/**
 * Starts processes for the bench: with output for the preparation, with the
 * time for the measurement, and with peak memory.
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";
import { syscall } from "../ffi/libc.ts";

/** A command, variables added to its environment, and where it runs. */
export interface Command {
  argv: readonly string[];
  env?: Record<string, string>;
  cwd?: string;
}

/** The status and output of a process. */
export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Limits the time of a run, because a candidate that hangs must not stop the
 * bench.
 */
const timedRunLimit = 120_000;

/**
 * Runs a command to its end and returns its output. An abort or `timeout` (in
 * milliseconds) kills it.
 */
export async function run(
  command: Command,
  options: { signal?: AbortSignal; timeout?: number } = {},
): Promise<Finished> {
  options.signal?.throwIfAborted();
  const child = new Deno.Command(command.argv[0]!, {
    args: command.argv.slice(1),
    env: command.env,
    cwd: command.cwd,
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

/** What a run took, in milliseconds. */
export interface Taken {
  /** From before the spawn until the exit status is known. */
  elapsed: number;
  /**
   * Of the processors, by it and by all descendants that were waited for; null
   * if it is not known.
   */
  processor: number | null;
}

/** What a run takes; null if the status is not 0. */
export async function time(command: Command): Promise<Taken | null> {
  const process = new Deno.Command(command.argv[0]!, {
    args: command.argv.slice(1),
    env: command.env,
    cwd: command.cwd,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  const before = processorTime();
  const start = performance.now();
  const child = process.spawn();
  const timer = setTimeout(() => kill(child), timedRunLimit);
  try {
    const status = await child.status;
    const elapsed = performance.now() - start;
    const processor = processorTime() - before;
    return status.success ? { elapsed, processor } : null;
  } finally {
    clearTimeout(timer);
  }
}

// linux/resource.h
const RUSAGE_CHILDREN = -1;
const RUSAGE_SIZE = 144;

/** The milliseconds of the processors for all children so far, getrusage(2). */
function processorTime(): number {
  const usage = new Uint8Array(RUSAGE_SIZE);
  syscall("getrusage", RUSAGE_CHILDREN, usage);
  const view = new DataView(usage.buffer);
  // Two times of struct timeval: user and system.
  return [0, 16].reduce(
    (sum, at) =>
      sum + Number(view.getBigInt64(at, true)) * 1000 +
      Number(view.getBigInt64(at + 8, true)) / 1000,
    0,
  );
}

/** The milliseconds that a command prints; null if it failed. */
export async function timeSaid(
  command: Command,
  signal?: AbortSignal,
): Promise<Taken | null> {
  const { code, stdout } = await run(command, { signal });
  const said = Number(stdout.trim() || NaN);
  return code === 0 && Number.isFinite(said)
    ? { elapsed: said, processor: null }
    : null;
}

/**
 * The peak resident set in KiB of the largest process in the tree; null if the
 * command failed. GNU time reads it from wait4, which covers all descendants
 * that were waited for.
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

/**
 * Finds GNU time, which has the option `-f`. The shell's keyword and busybox's
 * time do not have it.
 */
export async function findGnuTime(): Promise<string | null> {
  const path = await which("time");
  if (path === null) return null;
  const { code, stderr } = await run({ argv: [path, "-f", "%M", "true"] });
  return code === 0 && /^\d+\s*$/.test(stderr) ? path : null;
}

/** The first executable with this name in PATH; null if there is none. */
export async function which(name: string): Promise<string | null> {
  for (const dir of (Deno.env.get("PATH") ?? "").split(":")) {
    if (dir !== "" && await isExecutable(join(dir, name))) {
      return join(dir, name);
    }
  }
  return null;
}

/** Whether a path is a regular file with any execute permission. */
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
 * The error of a failed command in one line: the first error line, with the
 * last of the causes that Rust programs list, or else the status.
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

/** Kills a process, if it has not ended yet. */
export function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It has ended in the meantime.
    if (!(error instanceof TypeError)) throw error;
  }
}
