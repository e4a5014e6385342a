/**
 * The errors of rootfs/. Messages have the usual form: the action, a colon, the
 * cause. The hint says how to fix it.
 *
 * @module
 */

/** A root filesystem cannot be built, unpacked or removed. */
export class RootfsError extends Error {
  /** How to fix it, without a final period. */
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

/** One busybox source cannot be used; the next one may work. */
export class SourceError extends RootfsError {
  /** The user must know it, even if the next source works. */
  readonly alarming: boolean;

  constructor(
    message: string,
    options: { hint?: string; cause?: unknown; alarming?: true } = {},
  ) {
    super(message, options);
    this.alarming = options.alarming ?? false;
    this.name = "SourceError";
  }
}

/** The errno name of a failed file operation; `""` for other errors. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/**
 * Converts a file system error to a message with a hint. Other errors are
 * returned unchanged.
 */
export function explainDiskError(action: string, error: unknown): unknown {
  if (error instanceof RootfsError || !(error instanceof Error)) return error;
  const hints: Record<string, string> = {
    ENOSPC: "free some space or choose another path",
    EDQUOT: "free some space or choose another path",
    EROFS: "choose a path that is writable",
    EACCES: "choose a path that you can write to",
    EPERM: "choose a path that you can write to",
    EXDEV: "move it manually, then run this again",
  };
  const code = errorCode(error);
  if (code === "") return error;
  // Deno appends ": rename 'a' -> 'b'", which would show temporary paths.
  const cause = error.message.replace(/ \(os error \d+\).*$/s, "");
  return new RootfsError(`${action}: ${lowerFirst(cause)}`, {
    hint: hints[code],
    cause: error,
  });
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
