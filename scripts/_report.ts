/**
 * What the scripts have in common: a line to the user, an error with a hint, a
 * command line that may be wrong.
 *
 * @module
 */

/** A script cannot do what it is for. */
export class ScriptError extends Error {
  override name = "ScriptError";
  /** What the reader can do about it, without a final period. */
  readonly hint?: string;

  constructor(
    message: string,
    { hint, cause }: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.hint = hint;
  }
}

/** A command line that cannot be understood. */
export class ScriptUsageError extends ScriptError {
  override name = "ScriptUsageError";
}

/** Writes text whole; to a reader that has gone, nothing. */
export function write(
  stream: { writeSync(data: Uint8Array): number },
  text: string,
): void {
  try {
    for (let rest = new TextEncoder().encode(text); rest.length;) {
      rest = rest.subarray(stream.writeSync(rest));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Writes a line of a script's own to standard error. */
export function speaker(script: string): (line: string) => void {
  return (line) => write(Deno.stderr, `${script}: ${line}\n`);
}

/** Runs a script; its errors become a line and a status. */
export async function runScript(
  script: string,
  main: () => Promise<number>,
): Promise<number> {
  try {
    return await main();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const hint = error instanceof Error && "hint" in error && error.hint;
    speaker(script)(hint ? `${text}; ${hint}` : text);
    return error instanceof ScriptUsageError ? 2 : 1;
  }
}
