/**
 * The system call instruction, without libc around it. Runs in every process of
 * ours.
 *
 * libc's syscall(2) tells an error in errno, which takes a second call to read.
 * Deno does what it likes on this thread between the two, as the collector and
 * the compiler want, and what fails of that is in errno then: a mkdirat that
 * found its directory had failed with ENOENT, once in some thousand containers.
 * The kernel itself returns -errno, so ours is libc's function without its end.
 */

import { SyscallError } from "./errno.ts";
import { numberOf } from "./numbers.ts";

/** The number and six arguments, pointers as addresses; the result. */
export const SYSTEM_CALL = {
  parameters: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"],
  result: "i64",
} as const satisfies Deno.ForeignFunction;

/** What calls it. */
export type SystemCall = Deno.UnsafeFnPointer<typeof SYSTEM_CALL>["call"];

/** From the registers of a function call to those of a system call, syscall(2). */
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
 * Lays the code out in memory, which is never writable and executable at once.
 *
 * @param syscall libc's, for the two calls that this takes; without errno their
 * error is taken to be what it can only be
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
