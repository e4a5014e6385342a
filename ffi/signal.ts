/** signal.h: numbers, sets, sending and receiving. */

import { rawSyscall, syscall } from "./libc.ts";
import { ERRNO, errnoName, SyscallError } from "./errno.ts";

/** A signal of signal(7). */
export type SignalName =
  | "SIGHUP"
  | "SIGINT"
  | "SIGQUIT"
  | "SIGILL"
  | "SIGTRAP"
  | "SIGABRT"
  | "SIGBUS"
  | "SIGFPE"
  | "SIGKILL"
  | "SIGUSR1"
  | "SIGSEGV"
  | "SIGUSR2"
  | "SIGPIPE"
  | "SIGALRM"
  | "SIGTERM"
  | "SIGSTKFLT"
  | "SIGCHLD"
  | "SIGCONT"
  | "SIGSTOP"
  | "SIGTSTP"
  | "SIGTTIN"
  | "SIGTTOU"
  | "SIGURG"
  | "SIGXCPU"
  | "SIGXFSZ"
  | "SIGVTALRM"
  | "SIGPROF"
  | "SIGWINCH"
  | "SIGIO"
  | "SIGPWR"
  | "SIGSYS";

export const SIGNAL = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const satisfies Record<SignalName, number>;

/** The signals that end a program without a handler, as people send them. */
export const ENDING: readonly number[] = [
  SIGNAL.SIGHUP,
  SIGNAL.SIGINT,
  SIGNAL.SIGQUIT,
  SIGNAL.SIGTERM,
];

/** 32 to 64, including the two that glibc reserves. */
export const REAL_TIME: readonly number[] = Array.from(
  { length: 33 },
  (_, index) => 32 + index,
);

/** Every signal that a process may handle or ignore. */
export const CHANGEABLE: readonly number[] = [
  ...Object.values(SIGNAL),
  ...REAL_TIME,
].filter((signal) => signal !== SIGNAL.SIGKILL && signal !== SIGNAL.SIGSTOP);

export const SIG_BLOCK = 0;
export const SIG_SETMASK = 2;
/** The size of the kernel's sigset_t. */
export const SIGSET_SIZE = 8;

/** The kernel's sigset_t with these signals. */
export function sigset(signals: Iterable<number>): Uint8Array<ArrayBuffer> {
  let bits = 0n;
  for (const signal of signals) bits |= 1n << BigInt(signal - 1);
  return new Uint8Array(new BigUint64Array([bits]).buffer);
}

/** kill(2); returns false if the process is gone. */
export function kill(pid: number, signal: number): boolean {
  const result = rawSyscall("kill", pid, signal);
  if (result >= 0) return true;
  if (-result === ERRNO.ESRCH) return false;
  throw new SyscallError("kill", errnoName(-result));
}

/** The size of the kernel's siginfo_t, and where its fields are. */
const SIGINFO_SIZE = 128;
const SIGINFO = { signal: 0, code: 8, pid: 16 } as const;
const SI_QUEUE = -1;

/**
 * sigqueue(3): like {@linkcode kill}, and the receiver can tell it from a
 * signal of kill(2).
 */
export function queueSignal(pid: number, signal: number): void {
  const info = new DataView(new ArrayBuffer(SIGINFO_SIZE));
  info.setInt32(SIGINFO.signal, signal, true);
  info.setInt32(SIGINFO.code, SI_QUEUE, true);
  info.setInt32(SIGINFO.pid, Deno.pid, true);
  const bytes = new Uint8Array(info.buffer);
  const result = rawSyscall("rt_sigqueueinfo", pid, signal, bytes);
  if (result >= 0 || -result === ERRNO.ESRCH) return;
  throw new SyscallError("rt_sigqueueinfo", errnoName(-result));
}

/** Blocks signals for the calling thread only, sigprocmask(2). */
export function blockSignals(signals: Iterable<number>): void {
  syscall("rt_sigprocmask", SIG_BLOCK, sigset(signals), null, SIGSET_SIZE);
}

const SIG_IGN = 1n;
/** The size of the kernel's struct sigaction; its first word is the handler. */
export const SIGACTION_SIZE = 32;

/** Ignores a signal, sigaction(2) SIG_IGN. */
export function ignoreSignal(signal: number): void {
  const action = new BigUint64Array(SIGACTION_SIZE / 8);
  action[0] = SIG_IGN;
  syscall(
    "rt_sigaction",
    signal,
    new Uint8Array(action.buffer),
    null,
    SIGSET_SIZE,
  );
}

/** Replaces the handler of a signal and keeps its flags, sigaction(2). */
export function replaceHandler(signal: number, handler: bigint): void {
  const action = new BigUint64Array(SIGACTION_SIZE / 8);
  const bytes = new Uint8Array(action.buffer);
  syscall("rt_sigaction", signal, null, bytes, SIGSET_SIZE);
  action[0] = handler;
  syscall("rt_sigaction", signal, bytes, null, SIGSET_SIZE);
}

const SA_SIGINFO = 4n;
const SA_RESTORER = 0x04000000n;
const SA_RESTART = 0x10000000n;
const ALL = 0xffffffffffffffffn;

/**
 * Has a machine-code handler receive a signal, sigaction(2). Every other signal
 * is blocked while it runs, and interrupted system calls go on.
 *
 * @param restorer code that calls sigreturn(2)
 */
export function installHandler(
  signal: number,
  handler: bigint,
  restorer: bigint,
): void {
  const flags = SA_SIGINFO | SA_RESTORER | SA_RESTART;
  const action = new BigUint64Array([handler, flags, restorer, ALL]);
  const bytes = new Uint8Array(action.buffer);
  syscall("rt_sigaction", signal, bytes, null, SIGSET_SIZE);
}

/**
 * Restores the default action of a signal if it is ignored, sigaction(2)
 * SIG_DFL.
 */
export function resetIfIgnored(signal: number): void {
  const action = new BigUint64Array(SIGACTION_SIZE / 8);
  const bytes = new Uint8Array(action.buffer);
  syscall("rt_sigaction", signal, null, bytes, SIGSET_SIZE);
  if (action[0] !== SIG_IGN) return;
  syscall(
    "rt_sigaction",
    signal,
    new Uint8Array(SIGACTION_SIZE),
    null,
    SIGSET_SIZE,
  );
}

/**
 * Waits until one of these blocked signals is pending and takes it,
 * sigwaitinfo(2).
 *
 * @returns its number, and whether it was sent by {@linkcode queueSignal}
 */
export function waitForSignal(
  signals: Uint8Array,
): { signal: number; queued: boolean } {
  const info = new DataView(new ArrayBuffer(SIGINFO_SIZE));
  const signal = syscall(
    "rt_sigtimedwait",
    signals,
    new Uint8Array(info.buffer),
    null,
    SIGSET_SIZE,
  );
  return { signal, queued: info.getInt32(SIGINFO.code, true) === SI_QUEUE };
}
