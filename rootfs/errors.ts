/**
 * The one error of this room. Its message follows the house form (the action,
 * a colon, the cause) and the hint says what helps.
 *
 * @module
 */

/** A root filesystem cannot be built, unpacked or removed. */
export class RootfsError extends Error {
  /** What the reader can do about it, without a final period. */
  readonly hint?: string;

  constructor(
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "RootfsError";
    this.hint = options.hint;
  }
}

/** One busybox source cannot be used; the next one may do. */
export class SourceError extends RootfsError {
  constructor(
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, options);
    this.name = "SourceError";
  }
}

/** The errno name of a failed file operation, `""` where there is none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Turns a file system error into one sentence; other errors pass unchanged. */
export function explainDiskError(action: string, error: unknown): unknown {
  if (error instanceof RootfsError || !(error instanceof Error)) return error;
  const hints: Record<string, string> = {
    ENOSPC: "free some space or choose another place",
    EDQUOT: "free some space or choose another place",
    EROFS: "choose a place that can be written",
    EACCES: "choose a place that you can write",
    EPERM: "choose a place that you can write",
    EXDEV: "move it away by hand, then run this again",
  };
  const code = errorCode(error);
  if (code === "") return error;
  // Deno appends ": rename 'a' -> 'b'", which names temporary paths.
  const cause = error.message.replace(/ \(os error \d+\).*$/s, "");
  return new RootfsError(`${action}: ${lowerFirst(cause)}`, {
    hint: hints[code],
    cause: error,
  });
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
