/**
 * Runs Deno from a script. dax is not used: it starts programs through Deno's
 * node:child_process, which takes the running Deno for Node and in some
 * versions rewrites `deno bundle` to `deno run bundle`.
 *
 * @module
 */

const stop = new AbortController();
const running = new Set<Promise<Deno.CommandOutput>>();

/**
 * Ends all programs that {@linkcode outputOf} has started, and waits for them.
 * The callers of outputOf never continue, because this process is about to
 * exit.
 */
export async function endChildren(): Promise<void> {
  stop.abort();
  await Promise.allSettled(running);
}

/**
 * Runs a program to its end, with empty standard input.
 *
 * @param patience Milliseconds after which the program is ended.
 */
export async function outputOf(
  program: string,
  { patience, ...options }: Deno.CommandOptions & { patience: number },
): Promise<Deno.CommandOutput> {
  const output = new Deno.Command(program, {
    ...options,
    stdin: "null",
    signal: AbortSignal.any([AbortSignal.timeout(patience), stop.signal]),
  }).output();
  running.add(output);
  try {
    return await output;
  } finally {
    running.delete(output);
    if (stop.signal.aborted) await new Promise(() => {});
  }
}

/** The status of a Deno and its output, without colours. */
export interface Outcome {
  code: number;
  output: string;
}

/**
 * Runs a Deno to its end, with empty standard input.
 *
 * @param deno The path of the Deno.
 * @param minutes The time after which it is ended.
 */
export async function runDeno(
  deno: string,
  args: readonly string[],
  { cwd, minutes }: { cwd: string; minutes: number },
): Promise<Outcome> {
  try {
    const { code, signal, stdout, stderr } = await outputOf(deno, {
      args: [...args],
      cwd,
      env: { NO_COLOR: "1" },
      patience: minutes * 60_000,
    });
    const decoder = new TextDecoder();
    const output = decoder.decode(stdout) + decoder.decode(stderr);
    // Only the timeout above sends SIGTERM.
    return signal === "SIGTERM"
      ? { code, output: `${output}\nerror: timed out after ${minutes} minutes` }
      : { code, output };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { code: 127, output: `error: ${deno}: ${error.message}` };
  }
}

/** The part of Deno's output that says why it failed. Pure. */
export function reasonOf({ code, output }: Outcome): string {
  const said = output.split(/^Stack backtrace:/m)[0]!;
  const causes = [...said.matchAll(/^ *\d+: (.*?)\.?$/gm)]
    .map(([, text]) => text);
  if (causes.length) return causes.slice(0, 2).join(": ");
  const lines = said.trim().split("\n");
  const line = lines.findLast((line) => line.startsWith("error: ")) ??
    lines.at(-1);
  return line?.replace(/^error: |\.$/g, "") || `it exited with status ${code}`;
}
