/**
 * A system call as data: what a step comes down to. Both executors carry out
 * the same calls, and explain prints them.
 */

import type { Errno } from "../../ffi/errno.ts";
import type { SyscallName } from "../../ffi/numbers.ts";

/** Bytes that hold the addresses of other arguments, as C structures do. */
export interface Block {
  bytes: Uint8Array;
  pointers: { at: number; to: Argument }[];
}

/** An argument: numbers as they are, the rest by address. */
export type Argument =
  | number
  | bigint
  | null
  | string
  | readonly string[]
  | Uint8Array
  | Block
  /** The result of an earlier call. */
  | { slot: string }
  /** The address of such a result. */
  | { addressOf: string }
  /** The address of a place within bytes that another call has filled. */
  | { partOf: Uint8Array; at: number };

/** One system call with what counts as its success. */
export interface Call {
  name: SyscallName;
  args: readonly Argument[];
  /** Keeps the result under this name. */
  result?: string;
  /** Errors that are fine: the walk goes on. */
  expect?: readonly Errno[];
  /** The result must be this, or the call counts as failed with `otherwise`. */
  want?: { result: number; otherwise: Errno };
  /** How many of the next calls are left out after success. */
  skipOnSuccess?: number;
  /** The same after an expected error. */
  skipOnExpected?: number;
  /** A clone: the caller exits and the new process goes on. */
  clone?: true;
}

/** Not a system call: two pieces of memory have to be the same. */
export interface Comparison {
  name: "compare";
  args: [Argument, Argument, number];
  otherwise: Errno;
  /** Where it is `otherwise` and that is fine: the walk goes on. */
  expect?: readonly Errno[];
  /** How many of the next are left out then. */
  skipOnExpected?: number;
  /** The same where they are the same. */
  skipOnSuccess?: number;
}

/** Not a system call: the walk ends here, with this error. */
export interface Failure {
  name: "fail";
  error: Errno;
}

/** What an executor carries out. */
export type Instruction = Call | Comparison | Failure;

/**
 * Not a system call, and for launch/native/entry.c alone. Two are about the process
 * that started at a time; ESRCH where it is dead or gone.
 */
export type EntryOperation =
  & Pick<Call, "expect" | "want" | "skipOnSuccess" | "skipOnExpected">
  & (
    /** It has to be there. */
    | { name: "isProcess"; args: [pid: number, startTime: bigint] }
    /** It is killed, and waited for. */
    | {
      name: "endProcess";
      args: [pid: number, startTime: bigint, milliseconds: number];
    }
    /** PID 1's life with the command, launch/native/plain_child.h; its exit code. */
    | { name: "runCommand"; args: []; result: string }
    /** The process ends with this status. */
    | { name: "exit"; args: [{ slot: string }] }
  );
