/** termios.h and sys/ioctl.h: terminals. */

import { rawSyscall } from "./libc.ts";

const TIOCGPGRP = 0x540f;
export const TIOCSPGRP = 0x5410;
export const TIOCSCTTY = 0x540e;
export const TIOCSPTLCK = 0x40045431;
export const TIOCGPTPEER = 0x5441;

/**
 * The foreground process group of a terminal; null if it is not our controlling
 * terminal.
 */
export function foregroundGroup(fd: number): number | null {
  const group = new Int32Array(1);
  const bytes = new Uint8Array(group.buffer);
  return rawSyscall("ioctl", fd, TIOCGPGRP, bytes) < 0 ? null : group[0]!;
}

/**
 * tcsetpgrp(3). The caller blocks SIGTTOU if it may be in the background.
 * Returns false if the terminal or the group is gone.
 */
export function setForegroundGroup(fd: number, group: number): boolean {
  const bytes = new Uint8Array(new Int32Array([group]).buffer);
  return rawSyscall("ioctl", fd, TIOCSPGRP, bytes) >= 0;
}

const TCGETS = 0x5401;
export const TCSETS = 0x5402;
const TCSETSW = 0x5403;
const TIOCINQ = 0x541b;
const TIOCGWINSZ = 0x5413;
export const TIOCSWINSZ = 0x5414;
/** The size of the kernel's struct termios, on x86_64 and aarch64. */
const TERMIOS_SIZE = 36;

/** The settings of a terminal; null if the descriptor is not a terminal. */
export function getAttributes(fd: number): Uint8Array | null {
  const termios = new Uint8Array(TERMIOS_SIZE);
  return rawSyscall("ioctl", fd, TCGETS, termios) < 0 ? null : termios;
}

/** Changes the settings of a terminal after its output is written. */
export function setAttributes(fd: number, termios: Uint8Array): void {
  rawSyscall("ioctl", fd, TCSETSW, termios);
}

const OFFSET = { input: 0, output: 4, control: 8, local: 12, characters: 17 };
const OPOST = 0o1;
const ONLCR = 0o4;
const ISIG = 0o1;
const VTIME = 5;
const VMIN = 6;

/**
 * Returns the settings in raw mode, cfmakeraw(3): every byte passes through as
 * typed.
 */
export function makeRaw(termios: Uint8Array): Uint8Array {
  const raw = termios.slice();
  clear(raw, OFFSET.input, 0o2753); // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
  clear(raw, OFFSET.output, OPOST);
  clear(raw, OFFSET.control, 0o460); // CSIZE PARENB
  set(raw, OFFSET.control, 0o60); // CS8
  clear(raw, OFFSET.local, 0o100113); // ECHO ECHONL ICANON ISIG IEXTEN
  raw[OFFSET.characters + VMIN] = 1;
  raw[OFFSET.characters + VTIME] = 0;
  return raw;
}

/**
 * Returns settings for a terminal whose input another terminal will read soon:
 * typed bytes are kept unchanged, but Ctrl-C still sends a signal and written
 * lines still start at the left.
 */
export function makeAttentive(termios: Uint8Array): Uint8Array {
  const attentive = makeRaw(termios);
  set(attentive, OFFSET.output, wordOf(termios, OFFSET.output) & OPOST);
  set(attentive, OFFSET.local, wordOf(termios, OFFSET.local) & ISIG);
  return attentive;
}

/**
 * Settings of a terminal as plain data, struct termios: its flags, and its
 * control characters such as Ctrl-C.
 */
export interface TerminalSettings {
  input: number;
  output: number;
  control: number;
  local: number;
  characters: readonly number[];
}

/**
 * The settings that the caller's programs find, of the first terminal among
 * these descriptors; null if there is none. In the background the settings are
 * those of the shell, which reads single characters: null too.
 */
export function findSettings(
  descriptors: readonly number[],
): TerminalSettings | null {
  const fd = descriptors.find((fd) => getAttributes(fd) !== null);
  const termios = fd === undefined ? null : getAttributes(fd);
  if (fd === undefined || !termios) return null;
  const group = foregroundGroup(fd);
  if (group !== null && group !== rawSyscall("getpgid", 0)) return null;
  return {
    input: wordOf(termios, OFFSET.input),
    output: wordOf(termios, OFFSET.output),
    control: wordOf(termios, OFFSET.control),
    local: wordOf(termios, OFFSET.local) & ~NOT_TAKEN,
    characters: [...termios.subarray(OFFSET.characters)],
  };
}

/** FLUSHO, PENDIN and EXTPROC: what a terminal is doing, not how it is set. */
const NOT_TAKEN = 0o10000 | 0o40000 | 0o200000;

/** The settings as the kernel reads them. */
export function termiosOf(
  { input, output, control, local, characters }: TerminalSettings,
): Uint8Array {
  const termios = new Uint8Array(TERMIOS_SIZE);
  set(termios, OFFSET.input, input);
  set(termios, OFFSET.output, output);
  set(termios, OFFSET.control, control);
  set(termios, OFFSET.local, local);
  termios.set(characters, OFFSET.characters);
  return termios;
}

/**
 * INIT_C_CC of linux/termios_internal.h: Ctrl-C, Ctrl-\\, DEL, Ctrl-U, Ctrl-D,
 * …
 */
const USUAL_CHARACTERS = [
  ...[0o3, 0o34, 0o177, 0o25, 0o4, 0, 1, 0, 0o21],
  ...[0o23, 0o32, 0, 0o22, 0o17, 0o27, 0o26, 0],
];

/** The kernel's settings for a new terminal (tty_std_termios). */
const NEW: TerminalSettings = {
  input: 0o2400, // ICRNL IXON
  output: OPOST | ONLCR,
  control: 0o277, // B38400 CS8 CREAD
  local: 0o105073, // ISIG ICANON ECHO ECHOE ECHOK ECHOCTL ECHOKE IEXTEN
  characters: USUAL_CHARACTERS,
};

/** The settings, except that no carriage return is added to a written line. */
export const withoutReturns = (
  settings: TerminalSettings = NEW,
): TerminalSettings => ({ ...settings, output: settings.output & ~ONLCR });

/** Whether a terminal adds a carriage return to each written line. */
export function returnsCarriage(termios: Uint8Array): boolean {
  const wanted = OPOST | ONLCR;
  return (wordOf(termios, OFFSET.output) & wanted) === wanted;
}

const wordOf = (termios: Uint8Array, at: number) =>
  new DataView(termios.buffer).getUint32(at, true);

function set(termios: Uint8Array, at: number, bits: number): void {
  const word = wordOf(termios, at) | bits;
  new DataView(termios.buffer).setUint32(at, word, true);
}

function clear(termios: Uint8Array, at: number, bits: number): void {
  const word = wordOf(termios, at) & ~bits;
  new DataView(termios.buffer).setUint32(at, word, true);
}

/** The number of bytes to read, ioctl_tty(2) TIOCINQ; 0 if that is unknown. */
export function waitingInput(fd: number): number {
  const count = new Int32Array(1);
  const bytes = new Uint8Array(count.buffer);
  return rawSyscall("ioctl", fd, TIOCINQ, bytes) < 0 ? 0 : count[0]!;
}

/**
 * The size of a terminal in characters; null if the descriptor is not a
 * terminal.
 */
export function windowSize(
  fd: number,
): { height: number; width: number } | null {
  const size = new Uint16Array(4);
  const bytes = new Uint8Array(size.buffer);
  if (rawSyscall("ioctl", fd, TIOCGWINSZ, bytes) < 0) return null;
  return { height: size[0]!, width: size[1]! };
}

/**
 * Copies the window size of one terminal to another; false if either is not a
 * terminal.
 */
export function copyWindowSize(from: number, to: number): boolean {
  const size = new Uint8Array(8);
  return rawSyscall("ioctl", from, TIOCGWINSZ, size) >= 0 &&
    rawSyscall("ioctl", to, TIOCSWINSZ, size) >= 0;
}
