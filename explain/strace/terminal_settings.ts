/**
 * Formats the settings of a terminal, struct termios, as strace(1) does without
 * -v: the flags, but not the control characters. Pure.
 */

import { flags } from "./notation.ts";

const INPUT = {
  IGNBRK: 0o1,
  BRKINT: 0o2,
  IGNPAR: 0o4,
  PARMRK: 0o10,
  INPCK: 0o20,
  ISTRIP: 0o40,
  INLCR: 0o100,
  IGNCR: 0o200,
  ICRNL: 0o400,
  IUCLC: 0o1000,
  IXON: 0o2000,
  IXANY: 0o4000,
  IXOFF: 0o10000,
  IMAXBEL: 0o20000,
  IUTF8: 0o40000,
};

const OUTPUT = {
  OPOST: 0o1,
  OLCUC: 0o2,
  ONLCR: 0o4,
  OCRNL: 0o10,
  ONOCR: 0o20,
  ONLRET: 0o40,
  OFILL: 0o100,
  OFDEL: 0o200,
};

/** The fields of delays, which strace names even if they are zero. */
const DELAYS = [
  { mask: 0o400, names: ["NL0", "NL1"] },
  { mask: 0o3000, names: ["CR0", "CR1", "CR2", "CR3"] },
  { mask: 0o14000, names: ["TAB0", "TAB1", "TAB2", "TAB3"] },
  { mask: 0o20000, names: ["BS0", "BS1"] },
  { mask: 0o40000, names: ["VT0", "VT1"] },
  { mask: 0o100000, names: ["FF0", "FF1"] },
];

const SPEEDS =
  "0 50 75 110 134 150 200 300 600 1200 1800 2400 4800 9600 19200 38400".split(
    " ",
  );
const FAST =
  "57600 115200 230400 460800 500000 576000 921600 1000000 1152000 1500000 2000000 2500000 3000000 3500000 4000000"
    .split(" ");
const CBAUD = 0o10017;
const CBAUDEX = 0o10000;
const CSIZE = 0o60;

const CONTROL = {
  CSTOPB: 0o100,
  CREAD: 0o200,
  PARENB: 0o400,
  PARODD: 0o1000,
  HUPCL: 0o2000,
  CLOCAL: 0o4000,
};

const LOCAL = {
  ISIG: 0o1,
  ICANON: 0o2,
  ECHO: 0o10,
  ECHOE: 0o20,
  ECHOK: 0o40,
  ECHONL: 0o100,
  NOFLSH: 0o200,
  IEXTEN: 0o100000,
  ECHOCTL: 0o1000,
  ECHOPRT: 0o2000,
  ECHOKE: 0o4000,
  FLUSHO: 0o10000,
  PENDIN: 0o40000,
  TOSTOP: 0o400,
  EXTPROC: 0o200000,
  XCASE: 0o4,
};

/** The settings; `view` is a struct termios. */
export function terminalSettings(view: DataView): string {
  const [input, output, control, local] = [0, 4, 8, 12].map((at) =>
    view.getUint32(at, true)
  ) as [number, number, number, number];
  return `{c_iflag=${flags(input, INPUT)}, c_oflag=${delays(output)}, c_cflag=${
    line(control)
  }, c_lflag=${flags(local, LOCAL)}, ...}`;
}

function delays(output: number): string {
  const all = DELAYS.reduce((bits, { mask }) => bits | mask, 0);
  const rest = output & ~all;
  return [
    ...DELAYS.map(({ mask, names }) =>
      names[(output & mask) / (mask & -mask)]!
    ),
    rest ? flags(rest, OUTPUT) : "",
  ].join("|");
}

function line(control: number): string {
  const speed = control & CBAUDEX
    ? FAST[(control & CBAUD & ~CBAUDEX) - 1] ?? "OTHER"
    : SPEEDS[control & CBAUD];
  const rest = control & ~(CBAUD | CSIZE);
  return [
    `B${speed}`,
    `CS${5 + (control & CSIZE) / 0o20}`,
    ...(rest ? [flags(rest, CONTROL)] : []),
  ].join("|");
}
