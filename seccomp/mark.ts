/**
 * Marked calls, for filters that ask an agent. The calls that send the listener
 * to the agent cannot be reported to it: nobody would answer. So the filter
 * allows a few calls that carry a mark, a random number, in an argument that
 * they do not use. The command cannot know the mark: the walker's memory ends
 * with its execve, and only root of the host can read a filter. Pure.
 */

import { type Assembler, BPF, DATA, type Label, RET } from "./bpf.ts";
import { AUDIT_ARCH, callNumber } from "./syscalls.ts";

/** The calls between the filter and the execve; none uses a sixth argument. */
export const MARKED_CALLS = ["dup3", "sendmsg", "write", "read"];

const SIXTH = DATA.args + 5 * 8;
const WORD = 0xffffffffn;

/** Allows marked calls, and continues with the other checks. */
export function passMarked(
  assembler: Assembler,
  mark: bigint,
  arch: typeof Deno.build.arch,
  otherwise: Label,
): Label {
  const equal = (value: bigint | number, yes: Label) =>
    assembler.jump(BPF.JEQ, Number(value), yes, otherwise);
  const allow = assembler.ret(RET.ALLOW);
  let next = otherwise;
  for (const name of MARKED_CALLS) {
    next = assembler.jump(BPF.JEQ, callNumber(name, arch)!, allow, next);
  }
  next = assembler.load(DATA.nr, next);
  next = assembler.load(DATA.arch, equal(AUDIT_ARCH[arch], next));
  next = assembler.load(SIXTH, equal(mark & WORD, next));
  return assembler.load(SIXTH + 4, equal(mark >> 32n, next));
}
