/** Tests of libc: calls, their errors, and the error if there is no libc. */
// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { SyscallError } from "./errno.ts";
import { LibcError, rawSyscall, syscall } from "./libc.ts";
import { addressOf, cString, fromCString } from "./memory.ts";
import { numberOf } from "./numbers.ts";
import { writeAll } from "./fcntl.ts";
import { receive, socketPair } from "./socket.ts";

Deno.test("rawSyscall() returns the result or minus errno", () => {
  assertEquals(rawSyscall("getpid"), Deno.pid);
  assertEquals(rawSyscall("close", -1), -9);
});

Deno.test("syscall() fails with the call and the error", () => {
  const error = assertThrows(() => syscall("close", -1), SyscallError);
  assertEquals([error.syscall, error.code], ["close", "EBADF"]);
});

Deno.test("LibcError distinguishes another libc from another system, with a fix for each", () => {
  const { message, hint } = new LibcError("linux");
  assertMatch(`${message}. ${hint}`, /^Cannot load.*glibc.*\. Use .*Debian.*$/);
  const other = new LibcError("darwin");
  assertMatch(other.message, /^Cannot run on darwin: /);
  assertMatch(other.hint, /^Use a physical or virtual machine with Linux/);
});

Deno.test("cString() counts bytes, not characters, and ends with NUL", () => {
  assertEquals([...cString("é")], [0xc3, 0xa9, 0]);
  assertEquals([...cString("")], [0]);
});

Deno.test("cString() refuses a NUL inside", () => {
  assertThrows(() => cString("a\0b"), TypeError, '"a\\u0000b"');
});

Deno.test("fromCString() reads up to the first NUL", () => {
  assertEquals(fromCString(new Uint8Array([104, 105, 0, 120])), "hi");
  assertEquals(fromCString(new Uint8Array([104, 105])), "hi");
});

Deno.test("addressOf() adds the offset of a part to the address of the whole", () => {
  const bytes = new Uint8Array(16);
  assertEquals(addressOf(bytes.subarray(5)) - addressOf(bytes), 5n);
  assertEquals(addressOf(new Uint8Array()), 0n);
});

Deno.test("numberOf() covers both architectures", () => {
  assertEquals(numberOf("mount", "x86_64"), 165);
  assertEquals(numberOf("mount", "aarch64"), 40);
  assertEquals(numberOf("clone3", "x86_64"), numberOf("clone3", "aarch64"));
});

Deno.test("receive gets every message of an end that was closed with messages unread", async () => {
  const [ours, theirs] = socketPair();
  using _ours = ours;
  writeAll(theirs.fd, Uint8Array.of(1));
  writeAll(theirs.fd, Uint8Array.of(2, 3));
  writeAll(ours.fd, Uint8Array.of(4));
  theirs.close();
  const got = [];
  for (let next; (next = await receive(ours.fd));) got.push([...next.bytes]);
  assertEquals(got, [[1], [2, 3]]);
});
