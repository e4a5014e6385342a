/**
 * Classic BPF for seccomp(2): the few operations that a filter needs, an
 * assembler that works from the end to the start, and a disassembler. Pure. The
 * numbers are those of linux/bpf_common.h and linux/seccomp.h.
 */

/** The operations, in C spelling. */
export const BPF = {
  /** BPF_LD | BPF_W | BPF_ABS: loads a word of struct seccomp_data. */
  LD: 0x20,
  /** BPF_ALU | BPF_AND | BPF_K */
  AND: 0x54,
  /** BPF_JMP | BPF_JA */
  JA: 0x05,
  /** BPF_JMP | BPF_JEQ | BPF_K */
  JEQ: 0x15,
  /** BPF_JMP | BPF_JGT | BPF_K */
  JGT: 0x25,
  /** BPF_JMP | BPF_JGE | BPF_K */
  JGE: 0x35,
  /** BPF_JMP | BPF_JSET | BPF_K */
  JSET: 0x45,
  /** BPF_RET | BPF_K */
  RET: 0x06,
} as const;

/**
 * Offsets in struct seccomp_data. The arguments follow each other, low word
 * first.
 */
export const DATA = { nr: 0, arch: 4, args: 16 } as const;

/** SECCOMP_RET_*: the results of a filter. The low 16 bits are data. */
export const RET = {
  KILL_PROCESS: 0x80000000,
  KILL_THREAD: 0,
  TRAP: 0x00030000,
  ERRNO: 0x00050000,
  USER_NOTIF: 0x7fc00000,
  TRACE: 0x7ff00000,
  LOG: 0x7ffc0000,
  ALLOW: 0x7fff0000,
} as const;

/** A name of {@linkcode RET}. */
export type RetName = keyof typeof RET;

const DATA_BITS = 0xffff;

/** BPF_MAXINSNS of linux/bpf_common.h. */
export const MAX_INSTRUCTIONS = 4096;

/** sizeof(struct sock_filter). */
export const INSTRUCTION_SIZE = 8;

/** One instruction. */
export interface BpfInstruction {
  code: number;
  jt: number;
  jf: number;
  k: number;
}

/** A position in a program under assembly, counted from its end. */
export type Label = number;

const FARTHEST = 255;

/**
 * Assembles a program from its end to its start. Every jump target exists
 * already, so each distance is known when the jump is written.
 */
export class Assembler {
  // Last instruction first.
  readonly #code: BpfInstruction[] = [];
  readonly #returns = new Map<number, Label>();

  /** Puts an instruction before all others. */
  #push(code: number, k: number, jt = 0, jf = 0): Label {
    return this.#code.push({ code, jt, jf, k: k >>> 0 }) - 1;
  }

  /** The number of instructions that a jump before all others would skip. */
  #distance(label: Label): number {
    return this.#code.length - 1 - label;
  }

  /** A return instruction; a near one is reused. */
  ret(value: number): Label {
    const known = this.#returns.get(value);
    // Leaves room for a few instructions in between.
    if (known !== undefined && this.#distance(known) < FARTHEST - 8) {
      return known;
    }
    const label = this.#push(BPF.RET, value);
    this.#returns.set(value, label);
    return label;
  }

  /** Loads a word of struct seccomp_data, then continues at the label. */
  load(offset: number, next: Label): Label {
    this.#fallTo(next);
    return this.#push(BPF.LD, offset);
  }

  /** Masks the loaded word, then continues at the label. */
  and(mask: number, next: Label): Label {
    this.#fallTo(next);
    return this.#push(BPF.AND, mask);
  }

  /** A conditional jump. */
  jump(
    code: typeof BPF.JEQ | typeof BPF.JGT | typeof BPF.JGE,
    k: number,
    yes: Label,
    no: Label,
  ): Label {
    if (yes === no) return yes;
    let [jt, jf] = [yes, no];
    // Each bridge makes the other target one instruction more distant.
    while (
      this.#distance(jt) > FARTHEST || this.#distance(jf) > FARTHEST
    ) {
      if (this.#distance(jt) > FARTHEST) jt = this.#bridge(jt);
      else jf = this.#bridge(jf);
    }
    return this.#push(code, k, this.#distance(jt), this.#distance(jf));
  }

  /**
   * Bridges the distance to a label that is too far: a jump, or a copy of a
   * return.
   */
  #bridge(label: Label): Label {
    const there = this.#code[label]!;
    return there.code === BPF.RET
      ? this.#push(BPF.RET, there.k)
      : this.#push(BPF.JA, this.#distance(label));
  }

  /** Makes the label the next instruction. */
  #fallTo(label: Label): void {
    if (this.#distance(label) > 0) this.#bridge(label);
  }

  /** The number of instructions so far. */
  get length(): number {
    return this.#code.length;
  }

  /** Returns the program, which starts at the label. */
  finish(start: Label): Uint8Array<ArrayBuffer> {
    this.#fallTo(start);
    const bytes = new Uint8Array(this.#code.length * INSTRUCTION_SIZE);
    const view = new DataView(bytes.buffer);
    let at = bytes.length;
    for (const { code, jt, jf, k } of this.#code) {
      at -= INSTRUCTION_SIZE;
      view.setUint16(at, code, true);
      view.setUint8(at + 2, jt);
      view.setUint8(at + 3, jf);
      view.setUint32(at + 4, k, true);
    }
    return bytes;
  }
}

/** Decodes a filter into its instructions. */
export function decode(filter: Uint8Array): BpfInstruction[] {
  const view = new DataView(
    filter.buffer,
    filter.byteOffset,
    filter.byteLength,
  );
  return Array.from(
    { length: filter.length / INSTRUCTION_SIZE },
    (_, index) => {
      const at = index * INSTRUCTION_SIZE;
      return {
        code: view.getUint16(at, true),
        jt: view.getUint8(at + 2),
        jf: view.getUint8(at + 3),
        k: view.getUint32(at + 4, true),
      };
    },
  );
}

/** The result of a filter. `data` is the errno, or the message for a tracer. */
export interface Decision {
  action: RetName;
  data: number;
}

/**
 * Decodes the return value of a filter. The kernel kills for unknown values.
 */
export function decision(value: number): Decision {
  const action = (Object.keys(RET) as RetName[]).find((name) =>
    RET[name] === (value & ~DATA_BITS) >>> 0
  );
  return { action: action ?? "KILL_PROCESS", data: value & DATA_BITS };
}

/** A filter as text: one instruction per line, with line numbers as targets. */
export function disassemble(filter: Uint8Array): string {
  return decode(filter).map(({ code, jt, jf, k }, index) => {
    const text = describe(code, k, index + 1 + jt, index + 1 + jf);
    return `${String(index).padStart(4)}  ${text}\n`;
  }).join("");
}

const COMPARISON: Record<number, string> = {
  [BPF.JEQ]: "==",
  [BPF.JGT]: ">",
  [BPF.JGE]: ">=",
  [BPF.JSET]: "&",
};

function describe(code: number, k: number, yes: number, no: number): string {
  const hex = `0x${k.toString(16)}`;
  if (code === BPF.LD) return `load ${fieldName(k)}`;
  if (code === BPF.AND) return `and ${hex}`;
  if (code === BPF.JA) return `goto ${yes + k}`;
  if (code === BPF.RET) {
    const { action, data } = decision(k);
    return `return ${action}${data ? ` ${data}` : ""}`;
  }
  const sign = COMPARISON[code];
  return sign
    ? `if ${sign} ${k > 0xffff ? hex : k} goto ${yes} else ${no}`
    : `0x${code.toString(16)} ${hex}`;
}

function fieldName(offset: number): string {
  if (offset === DATA.nr) return "nr";
  if (offset === DATA.arch) return "arch";
  const word = offset - DATA.args;
  return `args[${word >> 3}].${word & 4 ? "high" : "low"}`;
}
