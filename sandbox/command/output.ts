/** How a command of a sandbox ended, and what it wrote. Only types. */

import type { SignalName } from "../../ffi/signal.ts";

/** How a command ended. */
export interface ChildProcessStatus {
  /** Whether `code` is 0. */
  success: boolean;
  /** The exit code; 128+n if signal n killed it. */
  code: number;
  /** The signal that killed it. */
  signal: SignalName | null;
  /**
   * The kernel killed a process of the sandbox for lack of memory while this
   * command ran, and the command failed. Known only with a `memory` limit.
   */
  oom: boolean;
}

/** How a command ended, and what it wrote to the streams that are piped. */
export interface ChildProcessOutput {
  /** How it ended. */
  status: ChildProcessStatus;
  /** Its standard output. */
  readonly stdout: Uint8Array<ArrayBuffer> | null;
  /** Its standard error. */
  readonly stderr: Uint8Array<ArrayBuffer> | null;
  /** Its standard output as text (UTF-8). */
  readonly stdoutText: string | null;
  /** Its standard error as text (UTF-8). */
  readonly stderrText: string | null;
}

/** What a stream of a command is connected to. */
export type ShellPipeKind = "inherit" | "piped" | "null";
