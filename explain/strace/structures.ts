/**
 * Formats, as strace(1) does, calls in which one argument decides the meaning of
 * others. Pure.
 */

import {
  PR,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_RAISE,
} from "../../ffi/prctl.ts";
import { SIGNAL } from "../../ffi/signal.ts";
import {
  TCSETS,
  TIOCGPTPEER,
  TIOCSCTTY,
  TIOCSPGRP,
  TIOCSPTLCK,
  TIOCSWINSZ,
} from "../../ffi/termios.ts";
import { CAPABILITIES } from "../../plan/process/capabilities.ts";
import type { Argument, Call } from "../../launch/bytecode/call.ts";
import { flags, named, plain, structure } from "./notation.ts";
import { openFlags } from "./open.ts";
import { terminalSettings } from "./terminal_settings.ts";

const capability = (number: Argument) =>
  CAPABILITIES[Number(number)] ?? `0x${Number(number).toString(16)}`;

const AMBIENT = { PR_CAP_AMBIENT_RAISE, PR_CAP_AMBIENT_CLEAR_ALL };

/** prctl(2): the first argument decides how many there are. */
export function prctl({ args }: Call): string[] {
  const [option, value = 0, third = 0] = args;
  const name = named(option!, PR);
  switch (option) {
    case PR.PR_SET_PDEATHSIG:
      return [name, named(value, SIGNAL)];
    case PR.PR_SET_DUMPABLE:
      return [
        name,
        named(value, { SUID_DUMP_DISABLE: 0, SUID_DUMP_USER: 1 }),
      ];
    case PR.PR_CAPBSET_DROP:
      return [name, capability(value)];
    case PR.PR_SET_KEEPCAPS:
    case PR.PR_SET_SECUREBITS:
      return [name, plain(value)];
    case PR.PR_CAP_AMBIENT:
      return [
        name,
        named(value, AMBIENT),
        value === PR_CAP_AMBIENT_RAISE ? capability(third) : plain(third),
        ...args.slice(3).map(plain),
      ];
    default:
      return [name, ...args.slice(1).map(plain)];
  }
}

/** capset(2): each set has two words, three words apart. */
export function capset({ args }: Call): string[] {
  const view = structure(args[1]!);
  const set = (index: number) => {
    const bits = BigInt(view.getUint32(4 * index, true)) |
      BigInt(view.getUint32(4 * (index + 3), true)) << 32n;
    return CAPABILITIES.flatMap((name, number) =>
      bits >> BigInt(number) & 1n ? [`1<<${name}`] : []
    ).join("|") || "0";
  };
  return [
    "{version=_LINUX_CAPABILITY_VERSION_3, pid=0}",
    `{effective=${set(0)}, permitted=${set(1)}, inheritable=${set(2)}}`,
  ];
}

const SIOCSIFFLAGS = 0x8914;
const REQUESTS = {
  TCSETS,
  TIOCGPTPEER,
  TIOCSCTTY,
  TIOCSPGRP,
  TIOCSPTLCK,
  TIOCSWINSZ,
  SIOCSIFFLAGS,
};
const IFNAMSIZ = 16;

/** ioctl(2): the request decides the type of the argument. */
export function ioctl({ args }: Call): string[] {
  const [fd, request, value] = args;
  return [plain(fd!), named(request!, REQUESTS), requested(request!, value!)];
}

function requested(request: Argument, value: Argument): string {
  const view = structure(value);
  switch (request) {
    case SIOCSIFFLAGS: {
      const name = new Uint8Array(view.buffer, view.byteOffset, IFNAMSIZ);
      const text = new TextDecoder().decode(name).replace(/\0.*$/s, "");
      const bits = flags(view.getInt16(IFNAMSIZ, true), { IFF_UP: 1 });
      return `{ifr_name=${plain(text)}, ifr_flags=${bits}}`;
    }
    case TCSETS:
      return terminalSettings(view);
    case TIOCSPTLCK:
      return `[${view.getInt32(0, true)}]`;
    case TIOCSWINSZ: {
      const [rows, columns] = [
        view.getUint16(0, true),
        view.getUint16(2, true),
      ];
      return `{ws_row=${rows}, ws_col=${columns}, ws_xpixel=0, ws_ypixel=0}`;
    }
    case TIOCGPTPEER:
      // strace does not decode these flags.
      return `0x${Number(value).toString(16)} /* ${
        openFlags(Number(value))
      } */`;
    default:
      return plain(value);
  }
}

/** sendmsg(2). There is only one form: one byte, and a descriptor with it. */
export function sendmsg({ args }: Call): string[] {
  const [fd, message] = args;
  const pointers = message !== null && typeof message === "object" &&
      "pointers" in message
    ? message.pointers
    : [];
  const to = (offset: number) =>
    pointers.find(({ at }) => at === offset)?.to ?? null;
  const vector = to(16);
  const byte = vector !== null && typeof vector === "object" &&
      "pointers" in vector
    ? vector.pointers[0]!.to
    : null;
  const sent = structure(to(32)).getInt32(16, true);
  return [
    plain(fd!),
    `{msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=${
      plain(byte)
    }, iov_len=1}], msg_iovlen=1, msg_control=[{cmsg_len=20, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[${sent}]}], msg_controllen=24, msg_flags=0}`,
    "MSG_NOSIGNAL",
  ];
}
