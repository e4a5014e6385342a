/** Simulates the kernel's run of a filter, for tests and explanations. */

import { BPF, DATA, type Decision, decision, decode } from "./bpf.ts";
import { AUDIT_ARCH, type CallArch } from "./syscalls.ts";

/** The input of a filter. */
export interface SeccompData {
  nr: number;
  /** A name, or an AUDIT_ARCH number. */
  arch: CallArch | number;
  args?: readonly (number | bigint)[];
}

/** The result of a filter for a call. */
export function simulate(filter: Uint8Array, data: SeccompData): Decision {
  return simulator(filter)(data);
}

/** The same for many calls: the filter is decoded once. */
export function simulator(
  filter: Uint8Array,
): (data: SeccompData) => Decision {
  const program = decode(filter);
  return (data) => {
    const word = wordsOf(data);
    let accumulator = 0;
    for (let at = 0; at < program.length; at++) {
      const { code, jt, jf, k } = program[at]!;
      switch (code) {
        case BPF.LD:
          accumulator = word(k);
          break;
        case BPF.AND:
          accumulator = (accumulator & k) >>> 0;
          break;
        case BPF.JA:
          at += k;
          break;
        case BPF.JEQ:
          at += accumulator === k ? jt : jf;
          break;
        case BPF.JGT:
          at += accumulator > k ? jt : jf;
          break;
        case BPF.JGE:
          at += accumulator >= k ? jt : jf;
          break;
        case BPF.JSET:
          at += accumulator & k ? jt : jf;
          break;
        case BPF.RET:
          return decision(k);
        default:
          throw new RangeError(`Unknown instruction 0x${code.toString(16)}`);
      }
    }
    throw new RangeError("The filter runs past its end");
  };
}

/** Reads struct seccomp_data, one word at a time. */
function wordsOf({ nr, arch, args = [] }: SeccompData) {
  return (offset: number): number => {
    if (offset === DATA.nr) return nr >>> 0;
    if (offset === DATA.arch) {
      return (typeof arch === "number" ? arch : AUDIT_ARCH[arch]) >>> 0;
    }
    const from = offset - DATA.args;
    if (from < 0 || from >= 48 || from % 4) {
      throw new RangeError(`The filter loads from offset ${offset}`);
    }
    const value = BigInt.asUintN(64, BigInt(args[from >> 3] ?? 0));
    return Number(from & 4 ? value >> 32n : value & 0xffffffffn);
  };
}
