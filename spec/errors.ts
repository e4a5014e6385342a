/** The errors a user is meant to read: each with its cause and its cure. */

/** What the shell is told, after docker run. */
export const EXIT = {
  usage: 2,
  failure: 125,
  notExecutable: 126,
  notFound: 127,
  signalBase: 128,
} as const;

/** An error whose message is complete for its reader: action, cause, fix. */
export class ContainerError extends Error {
  /** The class's. */
  override name = "ContainerError";
  /** The exit status it means. */
  readonly status: number;
  /** What the reader can do about it, a sentence. */
  readonly hint?: string;
  /** Takes what was tried, with the cause; the hint is the cure. */
  constructor(
    message: string,
    { hint, status = EXIT.failure, cause }: {
      hint?: string;
      status?: number;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause });
    this.hint = hint;
    this.status = status;
  }
}

/** The command line is wrong. */
export class UsageError extends ContainerError {
  /** The class's. */
  override name = "UsageError";
  /** Takes what is wrong, and what would be right. */
  constructor(message: string, hint?: string) {
    super(message, { hint, status: EXIT.usage });
  }
}

/** The configuration is wrong. */
export class SpecError extends ContainerError {
  /** The class's. */
  override name = "SpecError";
}

/** The user's command cannot be executed. */
export class CommandError extends ContainerError {
  /** The class's. */
  override name = "CommandError";
}

/** What went wrong, as part of a sentence: Deno's words without its number. */
export const systemReason = (cause: unknown): string =>
  cause instanceof Error
    ? cause.message.replace(/ \(os error.*/s, "").toLowerCase()
    : String(cause);
