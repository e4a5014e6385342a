/**
 * Running Deno from a script. Not through dax: it starts programs by Deno's
 * node:child_process, which takes the running Deno for Node and, in some
 * versions, rewrites `deno bundle` to `deno run bundle`.
 *
 * @module
 */

const stop = new AbortController();
const running = new Set<Promise<Deno.CommandOutput>>();

/**
 * Ends what {@linkcode outputOf} has started, and waits for that. Nobody hears
 * of it there any more: this process is about to end.
 */
export async function endChildren(): Promise<void> {
  stop.abort();
  await Promise.allSettled(running);
}

/**
 * Runs a program to its end with nothing on its standard input.
 *
 * @param patience In milliseconds; then it is ended.
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

/** How a Deno ended and all that it said, without colours. */
export interface Outcome {
  code: number;
  output: string;
}

/**
 * Runs a Deno to its end with nothing on its standard input.
 *
 * @param deno Its path.
 * @param minutes How long it may take; then it is ended.
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
    // Nothing but our own patience ends it so.
    return signal === "SIGTERM"
      ? { code, output: `${output}\nerror: no end after ${minutes} minutes` }
      : { code, output };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { code: 127, output: `error: ${deno}: ${error.message}` };
  }
}

/** The part of what Deno said that tells why; pure. */
export function reasonOf({ code, output }: Outcome): string {
  const said = output.split(/^Stack backtrace:/m)[0]!;
  const causes = [...said.matchAll(/^ *\d+: (.*?)\.?$/gm)]
    .map(([, text]) => text);
  if (causes.length) return causes.slice(0, 2).join(": ");
  const lines = said.trim().split("\n");
  const line = lines.findLast((line) => line.startsWith("error: ")) ??
    lines.at(-1);
  return line?.replace(/^error: |\.$/g, "") || `it ended with status ${code}`;
}
