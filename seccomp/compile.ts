/**
 * Compiles a seccomp profile to the filter that the kernel runs before each
 * system call. Pure: the same profile gives the same bytes. A filter has three
 * parts:
 *
 * - The architecture: the machine's own, or also its 32-bit one if the profile
 *   names that. Any other architecture kills the process, since its numbers
 *   mean other calls.
 * - A binary search over ranges of numbers with the same result, so a call
 *   costs about ten instructions and not hundreds.
 * - For a few calls, conditions on arguments.
 *
 * If several rules match a call, the strictest one applies, like the kernel
 * does with several filters. A call that is newer than the profile gets ENOSYS,
 * so a libc falls back to an older call.
 */

import { ERRNO } from "../ffi/errno.ts";
import { SpecError } from "../spec/errors.ts";
import type {
  SeccompAction,
  SeccompArg,
  SeccompFlag,
  SeccompProfile,
} from "../spec/seccomp.ts";
import {
  Assembler,
  BPF,
  DATA,
  INSTRUCTION_SIZE,
  type Label,
  MAX_INSTRUCTIONS,
  RET,
} from "./bpf.ts";
import { passMarked } from "./mark.ts";
import {
  AUDIT_ARCH,
  type CallArch,
  callsOf,
  COMMON_FROM,
  COMPATIBLE,
  OCI_ARCH,
} from "./syscalls.ts";

const WORD = 0xffffffffn;
const WHOLE = (1n << 64n) - 1n;
const ACTION_BITS = 0xffff0000;

/**
 * The numbers of x32 are above all numbers of x86_64. They are always refused.
 */
const X32_FROM = 0x40000000;

const ACTION: Record<SeccompAction, number> = {
  SCMP_ACT_KILL: RET.KILL_THREAD,
  SCMP_ACT_KILL_THREAD: RET.KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: RET.KILL_PROCESS,
  SCMP_ACT_TRAP: RET.TRAP,
  SCMP_ACT_ERRNO: RET.ERRNO,
  SCMP_ACT_TRACE: RET.TRACE,
  SCMP_ACT_LOG: RET.LOG,
  SCMP_ACT_NOTIFY: RET.USER_NOTIF,
  SCMP_ACT_ALLOW: RET.ALLOW,
};

const FLAG: Record<SeccompFlag, number> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32,
};

/** The flags of a profile, for seccomp(2). */
export function seccompFlags({ flags = [] }: SeccompProfile): number {
  return flags.reduce((all, flag) => all | FLAG[flag], 0);
}

/** A comparison: is the masked argument one of the values, or above a value? */
interface Test {
  index: number;
  mask: bigint;
  values: bigint[];
  kind: "among" | "above" | "atLeast";
  /** The test is negated. */
  not: boolean;
}

/** The result if all tests are true. */
interface Case {
  tests: Test[];
  answer: number;
}

/** The result of a call whose arguments are tested. */
interface Verdict {
  cases: Case[];
  /** The result if no case matches. */
  otherwise: number;
}

/** The result of a call, or the tests that decide it. */
type Leaf = number | Verdict;

/**
 * Compiles a profile to struct sock_filter[] for seccomp(2).
 *
 * @param arch the architecture, by default this machine's
 * @param mark allows marked calls of ours, see seccomp/mark.ts
 * @throws SpecError if the filter exceeds the kernel's limit
 */
export function compileSeccomp(
  profile: SeccompProfile,
  arch: typeof Deno.build.arch = Deno.build.arch,
  mark?: bigint,
): Uint8Array<ArrayBuffer> {
  const fallback = answerOf(profile.defaultAction, profile.defaultErrnoRet);
  const leaves = leavesOf(profile, fallback);
  const assembler = new Assembler();
  const archs: CallArch[] = [arch];
  const compatible = COMPATIBLE[arch];
  if (profile.architectures?.includes(OCI_ARCH[compatible])) {
    archs.unshift(compatible);
  }
  let next = assembler.ret(RET.KILL_PROCESS);
  for (const arch of archs) {
    const search = searchFor(assembler, arch, leaves, fallback);
    const section = assembler.load(DATA.nr, search);
    next = assembler.jump(BPF.JEQ, AUDIT_ARCH[arch], section, next);
  }
  next = assembler.load(DATA.arch, next);
  if (mark !== undefined) next = passMarked(assembler, mark, arch, next);
  const filter = assembler.finish(next);
  const size = filter.length / INSTRUCTION_SIZE;
  if (size > MAX_INSTRUCTIONS) {
    throw new SpecError(
      `Cannot compile the seccomp profile: it needs ${size} instructions, and the kernel allows ${MAX_INSTRUCTIONS}`,
      { hint: "Compare fewer arguments, or combine rules." },
    );
  }
  return filter;
}

function answerOf(action: SeccompAction, errno?: number): number {
  const takesData = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
  return (ACTION[action] | (takesData ? errno ?? ERRNO.EPERM : 0)) >>> 0;
}

/**
 * The kernel's order: as signed numbers, the strictest result is the smallest.
 */
const strictness = (answer: number) => (answer & ACTION_BITS) | 0;

/** The leaf of each call that the profile names. */
function leavesOf(
  profile: SeccompProfile,
  fallback: number,
): Map<string, Leaf> {
  const plain = new Map<string, number>();
  const conditional = new Map<string, Case[]>();
  for (const { names, action, errnoRet, args } of profile.syscalls) {
    const answer = answerOf(action, errnoRet);
    const tests = args?.length ? args.map(testOf) : null;
    for (const name of names) {
      if (tests) {
        const cases = conditional.get(name);
        if (cases) cases.push({ tests, answer });
        else conditional.set(name, [{ tests, answer }]);
        continue;
      }
      const known = plain.get(name);
      if (known === undefined || strictness(answer) < strictness(known)) {
        plain.set(name, answer);
      }
    }
  }
  const leaves: Map<string, Leaf> = plain;
  for (const [name, cases] of conditional) {
    leaves.set(name, settled(cases, plain.get(name), fallback));
  }
  return leaves;
}

/**
 * Keeps the cases that can matter, strictest first, and joins those that differ
 * in a value only.
 */
function settled(
  cases: Case[],
  otherwise: number | undefined,
  fallback: number,
): Leaf {
  const relevant = cases
    .filter(({ answer }) =>
      otherwise === undefined
        ? answer !== fallback || cases.length > 1
        : strictness(answer) < strictness(otherwise)
    )
    .toSorted((a, b) => strictness(a.answer) - strictness(b.answer));
  if (!relevant.length) return otherwise ?? fallback;
  const joined: Case[] = [];
  for (const next of relevant) {
    const last = joined.at(-1);
    if (last && joinable(last, next)) {
      const [test] = last.tests as [Test];
      const values = [...test.values, ...next.tests[0]!.values];
      last.tests = [{ ...test, values }];
    } else {
      joined.push({ ...next });
    }
  }
  return { cases: joined, otherwise: otherwise ?? fallback };
}

/** Whether two cases compare the same argument: then one load is enough. */
function joinable(a: Case, b: Case): boolean {
  const [first, second] = [a.tests[0]!, b.tests[0]!];
  return a.answer === b.answer && a.tests.length === 1 &&
    b.tests.length === 1 &&
    [first, second].every((test) => test.kind === "among" && !test.not) &&
    first.index === second.index && first.mask === second.mask &&
    high(first.values[0]!) === high(second.values[0]!);
}

function testOf({ index, value, valueTwo = 0, op }: SeccompArg): Test {
  const values = [BigInt(value)];
  const whole = { index, mask: WHOLE, values };
  switch (op) {
    case "SCMP_CMP_EQ":
      return { ...whole, kind: "among", not: false };
    case "SCMP_CMP_NE":
      return { ...whole, kind: "among", not: true };
    case "SCMP_CMP_GT":
      return { ...whole, kind: "above", not: false };
    case "SCMP_CMP_LE":
      return { ...whole, kind: "above", not: true };
    case "SCMP_CMP_GE":
      return { ...whole, kind: "atLeast", not: false };
    case "SCMP_CMP_LT":
      return { ...whole, kind: "atLeast", not: true };
    case "SCMP_CMP_MASKED_EQ": {
      const mask = BigInt(value);
      return {
        index,
        mask,
        values: [BigInt(valueTwo) & mask],
        kind: "among",
        not: false,
      };
    }
  }
}

const high = (value: bigint) => Number(value >> 32n);
const low = (value: bigint) => Number(value & WORD);

/** The binary search for a call's number. */
function searchFor(
  assembler: Assembler,
  arch: CallArch,
  leaves: Map<string, Leaf>,
  fallback: number,
): Label {
  const wide = arch === "x86_64" || arch === "aarch64";
  const { starts, leaves: found } = rangesOf(arch, leaves, fallback);
  const search = (from: number, to: number): Label => {
    const leaf = found[from]!;
    if (from === to) {
      return typeof leaf === "number"
        ? assembler.ret(leaf)
        : decide(assembler, leaf, wide);
    }
    const middle = (from + to + 1) >> 1;
    const right = search(middle, to);
    const left = search(from, middle - 1);
    return assembler.jump(BPF.JGE, starts[middle]!, right, left);
  };
  return search(0, starts.length - 1);
}

/** All numbers as ranges with the same leaf, by the start of each range. */
function rangesOf(
  arch: CallArch,
  leaves: Map<string, Leaf>,
  fallback: number,
): { starts: number[]; leaves: Leaf[] } {
  const calls = callsOf(arch);
  const unknown = isPermissive(fallback)
    ? fallback
    : (RET.ERRNO | ERRNO.ENOSYS) >>> 0;
  // Calls above the newest call that the profile names count as unknown to it.
  const newest =
    calls.findLast(([name, number]) =>
      number >= COMMON_FROM && leaves.has(name)
    )?.[1] ?? COMMON_FROM - 1;
  const ranges = { starts: [] as number[], leaves: [] as Leaf[] };
  let last: Leaf | undefined;
  const from = (number: number, leaf: Leaf) => {
    if (leaf === last) return;
    ranges.starts.push(number);
    ranges.leaves.push(last = leaf);
  };
  let next = 0;
  for (const [name, number] of calls) {
    const leaf = leaves.get(name);
    if (number < next) { // A second name of the call before.
      if (leaf !== undefined) from(number, leaf);
      continue;
    }
    if (number > next) from(next, unknown);
    const isNew = number > newest && number >= COMMON_FROM;
    from(number, leaf ?? (isNew ? unknown : fallback));
    next = number + 1;
  }
  from(next, unknown);
  if (arch === "x86_64") from(X32_FROM, (RET.ERRNO | ERRNO.ENOSYS) >>> 0);
  return ranges;
}

/** A tracer is expected to handle new calls. */
const isPermissive = (answer: number) =>
  strictness(answer) >= strictness(RET.TRACE);

/** The tests of a call's arguments. */
function decide(
  assembler: Assembler,
  { cases, otherwise }: Verdict,
  wide: boolean,
): Label {
  let no = assembler.ret(otherwise);
  for (const { tests, answer } of cases.toReversed()) {
    let yes = assembler.ret(answer);
    for (const test of tests.toReversed()) {
      yes = test.not
        ? compare(assembler, test, no, yes, wide)
        : compare(assembler, test, yes, no, wide);
    }
    no = yes;
  }
  return no;
}

/**
 * Compares 64 bits in two words; a 32-bit architecture has only the lower word.
 */
function compare(
  assembler: Assembler,
  { index, mask, values, kind }: Test,
  yes: Label,
  no: Label,
  wide: boolean,
): Label {
  const offset = DATA.args + 8 * index;
  const [first] = values as [bigint];
  if (kind !== "among") {
    const code = kind === "above" ? BPF.JGT : BPF.JGE;
    const lower = assembler.load(
      offset,
      assembler.jump(code, low(first), yes, no),
    );
    if (!wide) return lower;
    const same = assembler.jump(BPF.JEQ, high(first), lower, no);
    return assembler.load(
      offset + 4,
      assembler.jump(BPF.JGT, high(first), yes, same),
    );
  }
  const word = (at: number, mask: number, values: number[], yes: Label) => {
    if (mask === 0) return yes;
    const chain = values.reduceRight(
      (no, value) => assembler.jump(BPF.JEQ, value, yes, no),
      no,
    );
    return assembler.load(
      at,
      mask === Number(WORD) ? chain : assembler.and(mask, chain),
    );
  };
  const lower = word(offset, low(mask), values.map(low), yes);
  return wide ? word(offset + 4, high(mask), [high(first)], lower) : lower;
}
