/**
 * Deno 2.9.2 and newer answers SIGUSR1 with its debugger. From half a second
 * after the start it listens on 127.0.0.1:9229, where any user of the machine
 * can connect and run code with our rights. Deno has no option against it. But
 * Deno installs its handler for a signal only once, so a handler that replaces
 * it stays. Runs in the parent, on the host; PID 1 blocks the signal in all of
 * its threads.
 */

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
