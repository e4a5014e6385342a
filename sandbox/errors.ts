/** The errors of a sandbox that have a class of their own. */

import { ContainerError, OptionError } from "../spec/errors.ts";

/**
 * A command of {@linkcode Sandbox.sh} failed. Its message has the exit code and
 * the command's standard error, if that was piped, and not the command, which
 * may contain secrets.
 */
export class SandboxCommandError extends Error {
  /** The name of the class. */
  override name = "SandboxCommandError";
  /** The exit code of the command. */
  readonly code: number;
  /** The message, and the exit code of the command. */
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** A `timeout` that is not a duration. */
export class InvalidTimeoutError extends OptionError {
  /** The name of the class. */
  override name = "InvalidTimeoutError";
}

/** A `memory` that is not an amount of memory. */
export class InvalidMemoryError extends OptionError {
  /** The name of the class. */
  override name = "InvalidMemoryError";
}

/** The sandbox has ended, or this object's connection to it is closed. */
export class ConnectionClosedError extends ContainerError {
  /** The name of the class. */
  override name = "ConnectionClosedError";
  /** The action that needs a sandbox, and why there is none. */
  constructor(action: string, cause: string) {
    super(`Cannot ${action}: ${cause}`, {
      hint: "Create another one with Sandbox.create().",
    });
  }
}
