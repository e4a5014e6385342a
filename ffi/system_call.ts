/**
 * The system call instruction without libc around it. Runs in each of our
 * processes.
 *
 * libc's syscall(2) stores an error in errno, which takes a second call to
 * read. Between the two calls, Deno's garbage collector and compiler may run on
 * this thread and change errno: in one of some thousand containers, a mkdirat
 * whose directory existed seemed to fail with ENOENT. The kernel itself returns
 * -errno, so our function is libc's without its last part.
 */

import { SyscallError } from "./errno.ts";
import { numberOf } from "./numbers.ts";

/**
 * The number and six arguments, with pointers as addresses; returns the result.
 */
export const SYSTEM_CALL = {
  parameters: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"],
  result: "i64",
} as const satisfies Deno.ForeignFunction;

/** The type of the function that makes system calls. */
export type SystemCall = Deno.UnsafeFnPointer<typeof SYSTEM_CALL>["call"];

/** Moves a function call's registers to those of a system call, syscall(2). */
const CODE: Record<typeof Deno.build.arch, readonly number[]> = {
  // mov rax,rdi; mov rdi,rsi; mov rsi,rdx; mov rdx,rcx; mov r10,r8; mov r8,r9;
  // mov r9,[rsp+8]; syscall; ret
  // deno-fmt-ignore
  x86_64: [
    0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6, 0x48, 0x89, 0xca,
    0x4d, 0x89, 0xc2, 0x4d, 0x89, 0xc8, 0x4c, 0x8b, 0x4c, 0x24, 0x08,
    0x0f, 0x05, 0xc3,
  ],
  // mov x8,x0; mov x0,x1; mov x1,x2; mov x2,x3; mov x3,x4; mov x4,x5; mov x5,x6;
  // svc 0; ret
  // deno-fmt-ignore
  aarch64: [
    0xe8, 0x03, 0x00, 0xaa, 0xe0, 0x03, 0x01, 0xaa, 0xe1, 0x03, 0x02, 0xaa,
    0xe2, 0x03, 0x03, 0xaa, 0xe3, 0x03, 0x04, 0xaa, 0xe4, 0x03, 0x05, 0xaa,
    0xe5, 0x03, 0x06, 0xaa, 0x01, 0x00, 0x00, 0xd4, 0xc0, 0x03, 0x5f, 0xd6,
  ],
};

const PAGE = 4096n;
const PROT_READ = 1n;
const PROT_WRITE = 2n;
const PROT_EXEC = 4n;
const MAP_PRIVATE_ANONYMOUS = 0x22n;

/**
 * Maps the code into memory that is never writable and executable at the same
 * time.
 *
 * @param syscall libc's function, for the two calls that this takes. Their
 * errors cannot be read from errno, so the only possible one is assumed.
 * @throws SyscallError if the memory cannot be mapped
 */
export function directly(syscall: SystemCall): SystemCall {
  const mmap = BigInt(numberOf("mmap"));
  const mprotect = BigInt(numberOf("mprotect"));
  const write = PROT_READ | PROT_WRITE;
  const page = syscall(mmap, 0n, PAGE, write, MAP_PRIVATE_ANONYMOUS, -1n, 0n);
  const pointer = page === -1n ? null : Deno.UnsafePointer.create(page);
  if (!pointer) {
    throw new SyscallError("mmap", "ENOMEM");
  }
  const code = CODE[Deno.build.arch];
  new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, code.length))
    .set(code);
  const execute = PROT_READ | PROT_EXEC;
  if (syscall(mprotect, page, PAGE, execute, 0n, 0n, 0n) !== 0n) {
    throw new SyscallError("mprotect", "EACCES");
  }
  const own = new Deno.UnsafeFnPointer(
    pointer as Deno.PointerObject<typeof SYSTEM_CALL>,
    SYSTEM_CALL,
  );
  return own.call.bind(own);
}
