/** termios.h and sys/ioctl.h: terminals. */

import { rawSyscall } from "./libc.ts";

const TIOCGPGRP = 0x540f;
export const TIOCSPGRP = 0x5410;
export const TIOCSCTTY = 0x540e;
export const TIOCSPTLCK = 0x40045431;
export const TIOCGPTPEER = 0x5441;

/** The foreground process group of a terminal, null when it is none of ours. */
export function foregroundGroup(fd: number): number | null {
  const group = new Int32Array(1);
  const bytes = new Uint8Array(group.buffer);
  return rawSyscall("ioctl", fd, TIOCGPGRP, bytes) < 0 ? null : group[0]!;
}

/**
 * tcsetpgrp(3). The caller blocks SIGTTOU when it may be in the background.
 * False where the terminal or the group is gone.
 */
export function setForegroundGroup(fd: number, group: number): boolean {
  const bytes = new Uint8Array(new Int32Array([group]).buffer);
  return rawSyscall("ioctl", fd, TIOCSPGRP, bytes) >= 0;
}

const TCGETS = 0x5401;
const TCSETSW = 0x5403;
const TIOCGWINSZ = 0x5413;
export const TIOCSWINSZ = 0x5414;
/** Bytes of the kernel's struct termios, on x86_64 and aarch64. */
const TERMIOS_SIZE = 36;

/** What a terminal is set to; null where the descriptor is none. */
export function getAttributes(fd: number): Uint8Array | null {
  const termios = new Uint8Array(TERMIOS_SIZE);
  return rawSyscall("ioctl", fd, TCGETS, termios) < 0 ? null : termios;
}

/** Sets a terminal, once its output is through. */
export function setAttributes(fd: number, termios: Uint8Array): void {
  rawSyscall("ioctl", fd, TCSETSW, termios);
}

/** The same settings made raw, cfmakeraw(3): every byte goes through as typed. */
export function makeRaw(termios: Uint8Array): Uint8Array {
  const raw = termios.slice();
  const view = new DataView(raw.buffer);
  const clear = (at: number, bits: number) =>
    view.setUint32(at, view.getUint32(at, true) & ~bits, true);
  clear(0, 0o2753); // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
  clear(4, 0o1); // OPOST
  clear(8, 0o460); // CSIZE PARENB
  view.setUint32(8, view.getUint32(8, true) | 0o60, true); // CS8
  clear(12, 0o100113); // ECHO ECHONL ICANON ISIG IEXTEN
  raw[17 + 6] = 1; // VMIN
  raw[17 + 5] = 0; // VTIME
  return raw;
}

/** How large a terminal is, in characters; null where the descriptor is none. */
export function windowSize(
  fd: number,
): { height: number; width: number } | null {
  const size = new Uint16Array(4);
  const bytes = new Uint8Array(size.buffer);
  if (rawSyscall("ioctl", fd, TIOCGWINSZ, bytes) < 0) return null;
  return { height: size[0]!, width: size[1]! };
}

/** Gives one terminal the window size of another; false where that is none. */
export function copyWindowSize(from: number, to: number): boolean {
  const size = new Uint8Array(8);
  return rawSyscall("ioctl", from, TIOCGWINSZ, size) >= 0 &&
    rawSyscall("ioctl", to, TIOCSWINSZ, size) >= 0;
}
