/**
 * The only access to libc. Runs in each of our processes: the parent on the
 * host and the child inside the container.
 *
 * Symbols are bound as addresses and called through function pointers. A dlopen
 * of functions makes Deno generate machine code for each of them, which takes
 * 0.2 ms or more per symbol. That pays after some hundred calls, and we make
 * fewer. Every system call goes through one function (system_call.ts), and the
 * other files in this folder give the calls names and types. Functions that
 * libc does better than the kernel (posix_spawn) are bound separately, at first
 * use.
 */

import { ERRNO, errnoName, SyscallError } from "./errno.ts";
import { addressOf } from "./memory.ts";
import { numberOf, type SyscallName } from "./numbers.ts";
import { directly, SYSTEM_CALL, type SystemCall } from "./system_call.ts";

const LIBC = "libc.so.6";

/** Functions of libc; an optional one may be missing. */
type Functions = Record<string, Deno.ForeignFunction & { optional?: true }>;

/** Bound functions: null for a missing optional one. */
type Bound<T extends Functions> = {
  [Name in keyof T]:
    | Deno.UnsafeFnPointer<T[Name]>["call"]
    | (T[Name] extends { optional: true } ? null : never);
};

function open<T extends Functions>(functions: T): Bound<T> {
  const addresses: Record<string, Deno.PointerValue> = symbolsOf(
    Object.fromEntries(
      Object.entries(functions).map(([name, { optional }]) => [
        name,
        { type: "pointer", optional } as const,
      ]),
    ),
  );
  return Object.fromEntries(
    Object.entries(functions).map(([name, definition]) => {
      const { [name]: address } = addresses;
      if (!address) return [name, null];
      const pointer = new Deno.UnsafeFnPointer<Deno.ForeignFunction>(
        address as Deno.PointerObject<Deno.ForeignFunction>,
        definition,
      );
      return [name, pointer.call.bind(pointer)];
    }),
  ) as Bound<T>;
}

function symbolsOf(statics: Record<string, Deno.ForeignStatic<"pointer">>) {
  try {
    return Deno.dlopen(LIBC, statics).symbols;
  } catch (cause) {
    throw new LibcError(Deno.build.os, cause);
  }
}

/** This system does not have the libc that we need. */
export class LibcError extends Error {
  override name = "LibcError";
  /** How to fix it: a sentence. */
  readonly hint: string;
  constructor(os: typeof Deno.build.os, cause?: unknown) {
    super(
      os === "linux"
        ? "Cannot load libc.so.6: container needs the GNU C library (glibc), which this system does not have"
        : `Cannot run on ${os}: container uses Linux system calls`,
      { cause },
    );
    this.hint = os === "linux"
      ? "Use a distribution with glibc, like Debian, Ubuntu or Fedora."
      : "Use a physical or virtual machine with Linux.";
  }
}

let opened: SystemCall | undefined;

/**
 * Binds libc now and not at the first call; needed before a new root hides its
 * file.
 */
export function openLibc(): SystemCall {
  if (opened) return opened;
  if (Deno.build.os !== "linux") throw new LibcError(Deno.build.os);
  const { syscall } = open(
    { /** long syscall(long number, ...) */ syscall: SYSTEM_CALL } as const,
  );
  return opened = directly(syscall);
}

/** Returns a function that binds further symbols of libc at its first call. */
export function lazily<T extends Functions>(functions: T): () => Bound<T> {
  let bound: Bound<T> | undefined;
  return () => bound ??= open(functions);
}

/** The value of a variable of libc that is a pointer. */
export function valueOf(name: string): Deno.PointerValue {
  const { [name]: address } = symbolsOf({ [name]: { type: "pointer" } });
  return address ? new Deno.UnsafePointerView(address).getPointer() : null;
}

/** An argument of a system call: bytes are passed by address, null is 0. */
export type RawArgument = number | bigint | boolean | Uint8Array | null;

function word(argument: RawArgument): number | bigint {
  if (typeof argument === "number" || typeof argument === "bigint") {
    return argument;
  }
  if (argument === null) return 0;
  return typeof argument === "object" ? addressOf(argument) : Number(argument);
}

/**
 * syscall(2) by number, with words as arguments. For callers that make many
 * calls. Returns the result, or -errno.
 */
export function syscallByNumber(
  number: number,
  [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0]: readonly (number | bigint)[],
): number {
  return Number(
    openLibc()(
      BigInt(number),
      BigInt(a),
      BigInt(b),
      BigInt(c),
      BigInt(d),
      BigInt(e),
      BigInt(f),
    ),
  );
}

/**
 * The arguments of the current call. This reference keeps them alive: the
 * garbage collector cannot see that the kernel uses them, and optimised code
 * drops variables after their last use.
 */
const inUse: [readonly RawArgument[] | null] = [null];

/**
 * syscall(2) with the kernel's own convention: returns the result, or -errno.
 * Synchronous and on the calling thread, so it is allowed between unshare and
 * execve.
 */
export function rawSyscall(
  name: SyscallName,
  ...args: RawArgument[]
): number {
  inUse[0] = args;
  const result = syscallByNumber(numberOf(name), args.map(word));
  inUse[0] = null;
  return result;
}

/**
 * syscall(2). EINTR is retried, since no caller needs to see it.
 *
 * @throws SyscallError if the call fails
 */
export function syscall(name: SyscallName, ...args: RawArgument[]): number {
  for (;;) {
    const result = rawSyscall(name, ...args);
    if (result >= 0) return result;
    if (-result !== ERRNO.EINTR) {
      throw new SyscallError(name, errnoName(-result));
    }
  }
}
