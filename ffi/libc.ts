/**
 * The one door to libc. Runs in every process of ours: the parent on the host
 * and the child inside the container.
 *
 * Symbols are bound as addresses, and called through function pointers: a
 * dlopen of functions has Deno generate machine code for each of them, 0.2 ms
 * a symbol and more, which pays after some hundred calls and we make fewer.
 * Everything that is a system call goes through one function (system_call.ts),
 * and those beside this file give it names and types. Only what libc does better
 * than the kernel's interface (posix_spawn) is bound by itself, and at first use.
 */

import { ERRNO, errnoName, SyscallError } from "./errno.ts";
import { addressOf } from "./memory.ts";
import { numberOf, type SyscallName } from "./numbers.ts";
import { directly, SYSTEM_CALL, type SystemCall } from "./system_call.ts";

const LIBC = "libc.so.6";

/** Functions of libc; an optional one may be missing. */
type Functions = Record<string, Deno.ForeignFunction & { optional?: true }>;

/** What binding them gives: null for an optional one that is missing. */
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

/** There is no libc of the kind that this is written for. */
export class LibcError extends Error {
  override name = "LibcError";
  /** What helps, a sentence. */
  readonly hint: string;
  constructor(os: typeof Deno.build.os, cause?: unknown) {
    super(
      os === "linux"
        ? "Cannot load libc.so.6: container needs the GNU C library (glibc), and this system has another one or none"
        : `Cannot call Linux on ${os}: container is made of Linux's own system calls`,
      { cause },
    );
    this.hint = os === "linux"
      ? "Use a distribution with glibc, like Debian, Ubuntu or Fedora."
      : "Use a machine with Linux, or a virtual one.";
  }
}

let opened: SystemCall | undefined;

/** Binds libc now rather than at the first call: needed before a new root hides its file. */
export function openLibc(): SystemCall {
  if (opened) return opened;
  if (Deno.build.os !== "linux") throw new LibcError(Deno.build.os);
  const { syscall } = open(
    { /** long syscall(long number, ...) */ syscall: SYSTEM_CALL } as const,
  );
  return opened = directly(syscall);
}

/** Binds further symbols of libc; `load()` at its first call only. */
export function lazily<T extends Functions>(functions: T): () => Bound<T> {
  let bound: Bound<T> | undefined;
  return () => bound ??= open(functions);
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
 * syscall(2) by number and with words ready-made, for who makes many calls:
 * the result, or -errno.
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
 * The arguments of the call that is made just now. What the kernel reads or
 * writes is known to the collector by nothing else: optimized code keeps no
 * variable that it does not need any more.
 */
const inUse: [readonly RawArgument[] | null] = [null];

/**
 * syscall(2) with the kernel's own convention: the result, or -errno.
 * Synchronous and on the calling thread, so that it is legal between unshare
 * and execve.
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
 * syscall(2); fails with a {@linkcode SyscallError}. EINTR is retried, since
 * no caller of ours wants to see it.
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
