/** Tests of errno: names, numbers and texts. */
// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { ERRNO, errnoName, errnoText, SyscallError } from "./errno.ts";

Deno.test("errnoName() and ERRNO are each other's inverse", () => {
  for (const [name, number] of Object.entries(ERRNO)) {
    assertEquals(errnoName(number), name as keyof typeof ERRNO);
  }
});

Deno.test("errnoName() makes a name for a number without one", () => {
  assertEquals(errnoName(4095), "E4095");
  assertEquals(errnoText("E4095"), "unknown error (E4095)");
});

Deno.test("errnoText() returns a description and the name", () => {
  assertEquals(errnoText("EPERM"), "operation not permitted (EPERM)");
});

Deno.test("SyscallError names the action, the call and the reason", () => {
  const error = new SyscallError("mount", "EBUSY", "mount proc at /proc");
  assertEquals(
    error.message,
    "Cannot mount proc at /proc: mount: device or resource busy (EBUSY)",
  );
  assertEquals(error.errno, 16);
  const bare = new SyscallError("close", "E4095");
  assertEquals(bare.message, "Cannot call close: unknown error (E4095)");
  assertEquals(bare.errno, 4095);
});

Deno.test("SyscallError has a hint for errors that mean the same for every action", () => {
  const hint = (...args: ConstructorParameters<typeof SyscallError>) =>
    new SyscallError(...args).hint;
  assertMatch(
    hint("memfd_create", "ENOSYS")!,
    /does not support memfd_create.*5\.12/,
  );
  assertMatch(hint("fcntl", "EMFILE")!, /ulimit -n/);
  assertMatch(hint("posix_spawn", "EAGAIN")!, /ulimit -u/);
  assertEquals(hint("read", "EAGAIN"), undefined);
  assertEquals(hint("openat", "ENOENT"), undefined);
});
