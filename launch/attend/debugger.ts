/**
 * Deno 2.9.2 and newer answers SIGUSR1 with its debugger. From half a second
 * after the start it listens on 127.0.0.1:9229, where any user of the machine
 * can connect and run code with our rights. Deno has no option against it. But
 * Deno installs its handler for a signal only once, so a handler that replaces
 * it stays. Runs in the parent, on the host; PID 1 blocks the signal in all of
 * its threads.
 */

import { memoryFile } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { addressOf } from "../../ffi/memory.ts";
import { replaceHandler, SIGNAL } from "../../ffi/signal.ts";

const SIG_DFL = 0n;
const SIG_IGN = 1n;

/** The first Deno version that has it. */
const SINCE = [2, 9, 2] as const;

/** Whether this Deno version opens the debugger. */
export function opensDebugger(version = Deno.version.deno): boolean {
  const numbers = version.split(/[.+-]/).map(Number);
  const at = SINCE.findIndex((part, index) => numbers[index] !== part);
  return at < 0 || (numbers[at] ?? 0) > SINCE[at]!;
}

/**
 * Restores the default action of SIGUSR1, or leaves it ignored, before Deno
 * takes it. Must be the first call of our executable.
 */
export function closeDebugger(): void {
  if (!opensDebugger() || Deno.build.os !== "linux") return;
  const before = readIgnored();
  // As in PID 1, all threads block the signal.
  if (readSet("SigBlk").has(SIGNAL.SIGUSR1)) return;
  const nothing = () => {};
  // Makes Deno install its handler now; it never installs it again.
  Deno.addSignalListener("SIGUSR1", nothing);
  Deno.removeSignalListener("SIGUSR1", nothing);
  // With its first listener Deno also takes over SIGHUP, SIGINT and SIGTERM.
  for (const name of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
    if (before.has(SIGNAL[name])) replaceHandler(SIGNAL[name], SIG_IGN);
  }
  const ignored = before.has(SIGNAL.SIGUSR1);
  replaceHandler(SIGNAL.SIGUSR1, ignored ? SIG_IGN : SIG_DFL);
}

/** The signals that our caller left ignored. */
export const readIgnored = () => readSet("SigIgn");

function readSet(name: string): { has(signal: number): boolean } {
  const line = Deno.readTextFileSync("/proc/self/status").match(
    new RegExp(`^${name}:\\s*([0-9a-f]+)`, "m"),
  );
  const bits = BigInt(`0x${line?.[1] ?? "0"}`);
  return { has: (signal) => Boolean(bits >> BigInt(signal - 1) & 1n) };
}

/** The pid that the handler sends signals to; 0 for none. */
const recipient = new Int32Array(1);

/** `void handler(int signal) { if (*recipient) kill(*recipient, signal); }` */
function handlerCode(): Uint8Array {
  const address = addressOf(new Uint8Array(recipient.buffer));
  if (Deno.build.arch === "x86_64") {
    const code = Uint8Array.of(
      ...[0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0], // mov $recipient, %rax
      ...[0x8b, 0x10], // mov (%rax), %edx
      ...[0x85, 0xd2, 0x74, 0x0b], // test %edx, %edx; je to ret
      ...[0x89, 0xfe, 0x89, 0xd7], // mov %edi, %esi; mov %edx, %edi
      ...[0xb8, 62, 0, 0, 0, 0x0f, 0x05], // mov $SYS_kill, %eax; syscall
      0xc3, // ret
    );
    new DataView(code.buffer).setBigUint64(2, address, true);
    return code;
  }
  const code = new Uint32Array([
    ...[0x58000102, 0xb9400042], // ldr x2, recipient; ldr w2, [x2]
    0x340000a2, // cbz w2, to ret
    ...[0x2a0003e1, 0x2a0203e0], // mov w1, w0; mov w0, w2
    ...[0xd2801028, 0xd4000001], // mov x8, #SYS_kill; svc #0
    0xd65f03c0, // ret
    ...[0, 0],
  ]);
  new BigUint64Array(code.buffer, 32)[0] = address;
  return new Uint8Array(code.buffer);
}

const PROT = { read: 1, write: 2, exec: 4 } as const;
const MAP_PRIVATE_ANONYMOUS = 0x22;

let handler: bigint | undefined;

/**
 * Maps the handler into memory that is not writable; it stays for the life of
 * this process.
 */
function mapHandler(): bigint {
  const code = handlerCode();
  using file = memoryFile("handler", code);
  const { length } = code;
  const writable = PROT.read | PROT.write;
  const place = BigInt(
    syscall("mmap", 0, length, writable, MAP_PRIVATE_ANONYMOUS, -1, 0),
  );
  syscall("pread64", file.fd, place, length, 0);
  syscall("mprotect", place, length, PROT.read | PROT.exec);
  return place;
}

/**
 * Forwards SIGUSR1 to the process of {@linkcode setRecipient}. Deno's own
 * handler would open the debugger, so a few machine instructions replace it.
 */
export function passOnWithoutDebugger(): void {
  if (!opensDebugger()) return;
  replaceHandler(SIGNAL.SIGUSR1, handler ??= mapHandler());
}

/** Sets the process that SIGUSR1 is forwarded to; 0 for none. */
export function setRecipient(pid: number): void {
  recipient[0] = pid;
}
