/**
 * The one door to libc. Runs in every process of ours: the parent on the host
 * and the child inside the container.
 *
 * Symbols are bound as addresses, and called through function pointers: a
 * dlopen of functions has Deno generate machine code for each of them, 0.2 ms
 * a symbol and more, which pays after some hundred calls and we make fewer. Only
 * a program that starts one container after the other makes more. Everything
 * that is a system call goes through syscall(2), and the functions beside this
 * file give it names and types. Only what libc does better than the kernel's
 * interface (posix_spawn) is bound by itself, and at first use.
 */

import { ERRNO, errnoName, SyscallError } from "./errno.ts";
import { addressOf, readInt32 } from "./memory.ts";
import { numberOf, type SyscallName } from "./numbers.ts";

const LIBC = "libc.so.6";

const core = {
  /** long syscall(long number, ...) */
  syscall: {
    parameters: [
      "i64", // number
      "i64", // six arguments, pointers as addresses
      "i64",
      "i64",
      "i64",
      "i64",
      "i64",
    ],
    result: "i64",
  },
  /** int *__errno_location(void) */
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies Functions;

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
    throw new LibcError(cause);
  }
}

/** libc cannot be loaded, or is not the GNU one. */
export class LibcError extends Error {
  override name = "LibcError";
  constructor(cause: unknown) {
    super(
      "Cannot load libc.so.6: container needs Linux with the GNU C library (glibc)",
      { cause },
    );
  }
}

let opened:
  | { libc: Bound<typeof core>; errno: Deno.PointerValue }
  | undefined;

/** Binds libc now rather than at the first call: needed before a new root hides its file. */
export function openLibc(): NonNullable<typeof opened> {
  if (!opened) {
    if (Deno.build.os !== "linux") throw new LibcError(Deno.build.os);
    const libc = open(core);
    // errno's address belongs to the thread and never moves, so it is read as
    // memory: an FFI call between a failure and this read could change it.
    opened = { libc, errno: libc.__errno_location() };
  }
  return opened;
}

/**
 * Has system calls made through machine code of their own from here on, which
 * takes some 0.5 ms to make and 2 µs off each of them: for who makes thousands.
 * Not for the child, whose root is the container's: there libc is not to be
 * opened again.
 */
export function hastenSystemCalls(): void {
  const { libc, errno } = openLibc();
  const { syscall } = Deno.dlopen(LIBC, { syscall: core.syscall }).symbols;
  opened = { libc: { ...libc, syscall }, errno };
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
  const { libc, errno } = openLibc();
  const result = libc.syscall(
    BigInt(number),
    BigInt(a),
    BigInt(b),
    BigInt(c),
    BigInt(d),
    BigInt(e),
    BigInt(f),
  );
  return result === -1n ? -readInt32(errno) : Number(result);
}

/**
 * syscall(2) with the kernel's own convention: the result, or -errno.
 * Synchronous and on the calling thread, so that it is legal between unshare
 * and execve.
 */
export function rawSyscall(
  name: SyscallName,
  ...args: RawArgument[]
): number {
  return syscallByNumber(numberOf(name), args.map(word));
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
