/**
 * A system call as data. Each step is lowered to such calls; both executors
 * carry them out, and explain prints them.
 */

import type { Errno } from "../../ffi/errno.ts";
import type { SyscallName } from "../../ffi/numbers.ts";

/** Bytes that contain the addresses of other arguments, like a C structure. */
export interface Block {
  bytes: Uint8Array;
  pointers: { at: number; to: Argument }[];
}

/** An argument: a number by value, everything else by address. */
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
  /** An address inside bytes that an earlier call has filled. */
  | { partOf: Uint8Array; at: number };

/** A system call, and what counts as its success. */
export interface Call {
  name: SyscallName;
  args: readonly Argument[];
  /** The name of the slot that takes the result. */
  result?: string;
  /** Errors after which the walk continues. */
  expect?: readonly Errno[];
  /** The required result; any other result fails with `otherwise`. */
  want?: { result: number; otherwise: Errno };
  /** The number of following instructions to skip after success. */
  skipOnSuccess?: number;
  /** The number of following instructions to skip after an expected error. */
  skipOnExpected?: number;
  /** A clone: the caller exits and the new process continues. */
  clone?: true;
}

/** Not a system call: two pieces of memory must be equal. */
export interface Comparison {
  name: "compare";
  args: [Argument, Argument, number];
  otherwise: Errno;
  /** Contains `otherwise` if the walk continues after a difference. */
  expect?: readonly Errno[];
  /**
   * The number of following instructions to skip after an expected difference.
   */
  skipOnExpected?: number;
  /** The number of following instructions to skip if they are equal. */
  skipOnSuccess?: number;
}

/** Not a system call: the walk ends here with this error. */
export interface Failure {
  name: "fail";
  error: Errno;
}

/** An instruction that every executor carries out. */
export type Instruction = Call | Comparison | Failure;

/**
 * Not a system call, and carried out by launch/native/entry.c only. isProcess
 * and endProcess are about the process with a pid and start time, and fail with
 * ESRCH if it is dead or gone.
 */
export type EntryOperation =
  & Pick<Call, "expect" | "want" | "skipOnSuccess" | "skipOnExpected">
  & (
    /** Fails unless the process is alive. */
    | { name: "isProcess"; args: [pid: number, startTime: bigint] }
    /** Kills the process and waits for its end. */
    | {
      name: "endProcess";
      args: [pid: number, startTime: bigint, milliseconds: number];
    }
    /** Two pieces of memory must be equal in the bits of a third. */
    | {
      name: "compareMasked";
      args: [Argument, wanted: Uint8Array, length: number, mask: Uint8Array];
      otherwise: Errno;
    }
    /**
     * Fails with EBUSY unless every file of a directory belongs to a living
     * process, which its name ends with: .PID.START.
     */
    | { name: "ownersLive"; args: [directory: string] }
    /** Fails with EXDEV if one open directory is in the other, or the same. */
    | { name: "isOutside"; args: [Argument, of: Argument] }
    /**
     * Fails with ESTALE unless an open file is regular, and contains just these
     * bytes.
     */
    | {
      name: "hasContent";
      args: [Argument, wanted: Uint8Array, length: number];
    }
    /** Fails with ESTALE unless an open file has this path, proc_pid_fd(5). */
    | { name: "isAt"; args: [Argument, path: string] }
  );

/** An instruction that launch/native/entry.c carries out. */
export type EntryInstruction = Instruction | EntryOperation;
