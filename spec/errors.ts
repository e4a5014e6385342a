/** The errors that users read: each with its cause and how to fix it. */

/** Exit statuses, the same as those of docker run. */
export const EXIT = {
  usage: 125,
  failure: 125,
  notExecutable: 126,
  notFound: 127,
  signalBase: 128,
} as const;

/** An error with a complete message for the user: the action, the cause, the fix. */
export class ContainerError extends Error {
  /** The name of the class. */
  override name = "ContainerError";
  /** The exit status of the program for this error. */
  readonly status: number;
  /** How to fix it, as a sentence. */
  readonly hint?: string;
  /** The message names the action and the cause, the hint how to fix it. */
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
  /** The name of the class. */
  override name = "UsageError";
  /** The message names what is wrong, the hint what would be right. */
  constructor(message: string, hint?: string) {
    super(message, { hint, status: EXIT.usage });
  }
}

/** An option of the library is wrong. */
export class OptionError extends UsageError {
  /** The name of the class. */
  override name = "OptionError";
  /** The path of the option, such as `mounts[0].destination`. */
  readonly option: string;
  /** The problem, and how to fix it. */
  constructor(option: string, problem: string, hint?: string) {
    super(`${option}: ${problem}`, hint);
    this.option = option;
  }
}

/** The configuration is wrong. */
export class SpecError extends ContainerError {
  /** The name of the class. */
  override name = "SpecError";
}

/** The user's command cannot be executed. */
export class CommandError extends ContainerError {
  /** The name of the class. */
  override name = "CommandError";
}

/**
 * The reason of a system error, for use in a sentence: Deno's message without
 * the number.
 */
export const systemReason = (cause: unknown): string =>
  cause instanceof Error
    ? cause.message.replace(/ \(os error.*/s, "").toLowerCase()
    : String(cause);
