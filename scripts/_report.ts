/**
 * Helpers for all scripts: messages, an error with a hint, and errors of the
 * command line.
 *
 * @module
 */

/** A script cannot do its work. */
export class ScriptError extends Error {
  override name = "ScriptError";
  /** How to fix it, without a final period. */
  readonly hint?: string;

  constructor(
    message: string,
    { hint, cause }: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.hint = hint;
  }
}

/** A wrong command line. */
export class ScriptUsageError extends ScriptError {
  override name = "ScriptUsageError";
}

/**
 * Writes a whole text. If the reader has closed its end, the rest is dropped.
 */
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

/** Writes a script's messages. */
export interface Speaker {
  /** Writes what has happened. */
  (line: string): void;
  /** Writes how it happened, if details are requested. */
  detail(line: string): void;
}

/**
 * Returns a function that writes the script's messages to standard error.
 *
 * @param details also write details: `--debug` of a script
 */
export function speaker(script: string, details = false): Speaker {
  const say = (line: string) => write(Deno.stderr, `${script}: ${line}\n`);
  return Object.assign(say, { detail: details ? say : () => {} });
}

/**
 * Runs a script. An error is printed as a message and becomes the exit status.
 */
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
