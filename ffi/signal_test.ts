/** Tests of signals, waiting and descriptors. */
// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import {
  memoryFile,
  moveUp,
  O,
  open,
  pipe,
  readAt,
  writeAll,
} from "./fcntl.ts";
import { rawSyscall } from "./libc.ts";
import { kill, SIGNAL, sigset } from "./signal.ts";
import { spawn } from "./spawn.ts";
import { exitCode, wait } from "./wait.ts";

Deno.test("sigset() has bit n-1 for signal n", () => {
  assertEquals([...sigset([])], [0, 0, 0, 0, 0, 0, 0, 0]);
  assertEquals([...sigset([1, 2, 9, 64])], [3, 1, 0, 0, 0, 0, 0, 0x80]);
});

Deno.test("kill() distinguishes a process that has ended from a living one", () => {
  assertEquals(kill(Deno.pid, 0), true);
  assertEquals(kill(0x3fffffff, 0), false);
});

Deno.test("exitCode() returns the status, or 128 plus the signal", () => {
  assertEquals(exitCode({ pid: 1, exited: 7 }), 7);
  assertEquals(exitCode({ pid: 1, signaled: SIGNAL.SIGKILL }), 137);
});

Deno.test("spawn() starts a program and wait() returns how it ended", () => {
  const ends = (script: string) => {
    const pid = spawn("/bin/sh", ["sh", "-c", script], {});
    return wait(pid);
  };
  const exited = ends("exit 5")!;
  assertEquals(exitCode(exited), 5);
  assertEquals(exitCode(ends("kill -TERM $$")!), 143);
});

Deno.test("spawn() passes an empty environment and the given descriptors", () => {
  const { read, write } = pipe();
  using told = moveUp(write);
  using _read = read;
  const pid = spawn("/bin/sh", ["sh", "-c", 'echo "$HOME$USER." >&9'], {
    9: told.fd,
  });
  wait(pid);
  const bytes = new Uint8Array(16);
  const count = rawSyscall("read", read.fd, bytes, bytes.length);
  assertEquals(new TextDecoder().decode(bytes.subarray(0, count)), ".\n");
});

Deno.test("spawn() fails with the reason if the program is missing", () => {
  assertThrows(() => spawn("/no/such/program", ["x"], {}), Error, "ENOENT");
});

Deno.test("wait() returns null if there is no child", () => {
  assertEquals(wait(0x3fffffff), null);
});

Deno.test("memoryFile() sealed can be read and not written", () => {
  using file = memoryFile("test", new Uint8Array([1, 2, 3]), { sealed: true });
  const bytes = new Uint8Array(8);
  assertEquals(readAt(file.fd, bytes, 1), 2);
  assertEquals([...bytes.subarray(0, 2)], [2, 3]);
  assertThrows(() => writeAll(file.fd, new Uint8Array(1)), Error, "EPERM");
});

Deno.test("memoryFile() unsealed keeps its size", () => {
  using file = memoryFile("test", new Uint8Array(4));
  assertThrows(() => writeAll(file.fd, new Uint8Array(8)), Error, "EPERM");
});

Deno.test("moveUp() moves a descriptor once, close() closes it once", () => {
  const moved = moveUp(open("/dev/null", O.O_RDONLY));
  // Above the numbers that are passed on, and in a table of the initial size.
  assertEquals(moved.fd >= 44 && moved.fd < 64, true);
  assertEquals(moveUp(moved), moved);
  moved.close();
  moved.close();
});
