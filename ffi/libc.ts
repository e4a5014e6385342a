/**
 * The one door to libc. Runs in every process of ours: the parent on the host
 * and the child inside the container.
 *
 * Each symbol costs 0.2 ms to bind, which is why there are so few: everything
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
} as const satisfies Deno.ForeignLibraryInterface;

function open<T extends Deno.ForeignLibraryInterface>(
  symbols: T,
): Deno.DynamicLibrary<T>["symbols"] {
  try {
    return Deno.dlopen(LIBC, symbols).symbols;
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
  | {
    libc: Deno.DynamicLibrary<typeof core>["symbols"];
    errno: Deno.PointerValue;
  }
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

/** Binds further symbols of libc; `load()` at its first call only. */
export function lazily<T extends Deno.ForeignLibraryInterface>(
  symbols: T,
): () => Deno.DynamicLibrary<T>["symbols"] {
  let bound: Deno.DynamicLibrary<T>["symbols"] | undefined;
  return () => bound ??= open(symbols);
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
