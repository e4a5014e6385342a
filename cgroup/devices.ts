/**
 * Restricts the devices that a container may use. v1 has files for this; on v2
 * the kernel runs a program at every open and mknod. This file computes the
 * writes for v1 and assembles the program for v2. Rules and program are pure;
 * {@linkcode attachDevices} runs on the host, in the parent.
 *
 * @module
 */

import { SyscallError } from "../ffi/errno.ts";
import { O, open } from "../ffi/fcntl.ts";
import { syscall } from "../ffi/libc.ts";
import { addressOf, cString } from "../ffi/memory.ts";
import { SpecError, UsageError } from "../spec/errors.ts";
import type { DeviceLookup } from "../spec/resource_flags.ts";
import type { DeviceRule } from "../spec/resources.ts";

/** docker's rules: allow harmless devices, and device nodes of every kind. */
export const HARMLESS_DEVICE_RULES: readonly DeviceRule[] = [
  // Making a device node is allowed, opening it is not.
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  { allow: true, type: "c", major: 1, minor: 3, access: "rwm" }, // null
  { allow: true, type: "c", major: 1, minor: 5, access: "rwm" }, // zero
  { allow: true, type: "c", major: 1, minor: 7, access: "rwm" }, // full
  { allow: true, type: "c", major: 1, minor: 8, access: "rwm" }, // random
  { allow: true, type: "c", major: 1, minor: 9, access: "rwm" }, // urandom
  { allow: true, type: "c", major: 5, minor: 0, access: "rwm" }, // tty
  { allow: true, type: "c", major: 5, minor: 1, access: "rwm" }, // console
  { allow: true, type: "c", major: 5, minor: 2, access: "rwm" }, // ptmx
  { allow: true, type: "c", major: 136, access: "rwm" }, // pts/*
];

/** Allows the harmless devices and denies all others. */
export const DEFAULT_DEVICE_RULES: readonly DeviceRule[] = [
  { allow: false, access: "rwm" },
  ...HARMLESS_DEVICE_RULES,
];

/** A rule with every field set. */
interface Rule {
  allow: boolean;
  type: "b" | "c";
  major: number | null;
  minor: number | null;
  access: string;
}

const isAny = (number: number | undefined) =>
  number === undefined || number < 0;

/**
 * Splits rules by device type. A device that no rule allows is denied, as with
 * runc and crun.
 */
function explicitRules(rules: readonly DeviceRule[]): Rule[] {
  return rules.filter(({ type }) => type !== "p").flatMap((rule) => {
    const types = rule.type === "b"
      ? ["b" as const]
      : rule.type === "c" || rule.type === "u"
      ? ["c" as const]
      : ["b" as const, "c" as const];
    return types.map((type) => ({
      allow: rule.allow,
      type,
      major: isAny(rule.major) ? null : rule.major!,
      minor: isAny(rule.minor) ? null : rule.minor!,
      access: rule.access || "rwm",
    }));
  });
}

/** v1: the values for devices.deny and devices.allow, in order. */
export function deviceWrites(
  rules: readonly DeviceRule[],
): { file: "devices.deny" | "devices.allow"; value: string }[] {
  const writes: { file: "devices.deny" | "devices.allow"; value: string }[] = [
    { file: "devices.deny", value: "a *:* rwm" },
  ];
  const allowed: Rule[] = [];
  for (const rule of explicitRules(rules)) {
    const { allow, type, major, minor, access } = rule;
    const numbers = `${type} ${major ?? "*"}:${minor ?? "*"}`;
    if (allow) {
      allowed.push(rule);
      writes.push({ file: "devices.allow", value: `${numbers} ${access}` });
      continue;
    }
    for (const earlier of allowed.filter((one) => overlaps(one, rule))) {
      if (!covers(rule, earlier)) {
        // The kernel would accept such a write and ignore it.
        throw new SpecError(
          `cgroup v1 cannot deny the device ${numbers} if a wider rule allows it`,
          { hint: "Allow single devices in linux.resources.devices instead" },
        );
      }
      // A deny removes only entries with the same numbers.
      writes.push({
        file: "devices.deny",
        value: `${type} ${earlier.major ?? "*"}:${
          earlier.minor ?? "*"
        } ${access}`,
      });
    }
  }
  return writes;
}

const meets = (a: number | null, b: number | null) =>
  a === null || b === null || a === b;

function overlaps(a: Rule, b: Rule): boolean {
  return a.type === b.type && meets(a.major, b.major) &&
    meets(a.minor, b.minor) &&
    [...a.access].some((letter) => b.access.includes(letter));
}

/** Whether a rule's numbers include all of the other rule's. */
function covers(rule: Rule, other: Rule): boolean {
  return (rule.major === null || rule.major === other.major) &&
    (rule.minor === null || rule.minor === other.minor);
}

// linux/bpf.h and linux/bpf_common.h
const LOAD_WORD = 0x61; // BPF_LDX | BPF_MEM | BPF_W
const AND = 0x57; // BPF_ALU64 | BPF_AND | BPF_K
const SHIFT_RIGHT = 0x77; // BPF_ALU64 | BPF_RSH | BPF_K
const MOVE = 0xb7; // BPF_ALU64 | BPF_MOV | BPF_K
const COPY = 0xbf; // BPF_ALU64 | BPF_MOV | BPF_X
const JUMP_UNEQUAL = 0x55; // BPF_JMP | BPF_JNE | BPF_K
const JUMP_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const EXIT = 0x95; // BPF_JMP | BPF_EXIT
const DEVICE_TYPE = { b: 1, c: 2 } as const;
const DEVICE_ACCESS: Record<string, number> = { m: 1, r: 2, w: 4 };
const ALL_ACCESS = 7;

/** Registers: r1 is struct bpf_cgroup_dev_ctx *, r0 the result. */
const TYPE = 2, WANTED = 3, MAJOR = 4, MINOR = 5, SCRATCH = 6;

/** One instruction: `struct bpf_insn`. */
interface Instruction {
  code: number;
  to?: number;
  from?: number;
  offset?: number;
  value?: number;
}

/**
 * v2: the rules as a program of type BPF_PROG_TYPE_CGROUP_DEVICE.
 *
 * The last matching rule counts, so the program checks rules from last to
 * first. It decides each letter of the access separately: it removes the
 * letters that a rule allows from the requested ones, and allows the access
 * when none is left. (Comparing the access as a whole would let "rw" pass a
 * rule that denies "w".)
 */
export function deviceProgram(
  rules: readonly DeviceRule[],
): Uint8Array<ArrayBuffer> {
  const program: Instruction[] = [
    { code: LOAD_WORD, to: TYPE, from: 1, offset: 0 },
    { code: AND, to: TYPE, value: 0xffff },
    { code: LOAD_WORD, to: WANTED, from: 1, offset: 0 },
    { code: SHIFT_RIGHT, to: WANTED, value: 16 },
    { code: LOAD_WORD, to: MAJOR, from: 1, offset: 4 },
    { code: LOAD_WORD, to: MINOR, from: 1, offset: 8 },
  ];
  for (const rule of explicitRules(rules).reverse()) {
    program.push(...ruleCode(rule));
  }
  program.push({ code: MOVE, to: 0, value: 0 }, { code: EXIT });
  return encode(program);
}

function ruleCode({ allow, type, major, minor, access }: Rule): Instruction[] {
  const bits = [...access].reduce(
    (all, letter) => all | DEVICE_ACCESS[letter]!,
    0,
  );
  const answer: Instruction[] = [{ code: MOVE, to: 0, value: allow ? 1 : 0 }, {
    code: EXIT,
  }];
  const decide: Instruction[] = allow
    ? [
      { code: AND, to: WANTED, value: ALL_ACCESS & ~bits },
      { code: JUMP_UNEQUAL, to: WANTED, value: 0, offset: 2 },
      ...answer,
    ]
    : [
      { code: COPY, to: SCRATCH, from: WANTED },
      { code: AND, to: SCRATCH, value: bits },
      { code: JUMP_EQUAL, to: SCRATCH, value: 0, offset: 2 },
      ...answer,
    ];
  const conditions: [number, number][] = [[TYPE, DEVICE_TYPE[type]]];
  if (major !== null) conditions.push([MAJOR, major]);
  if (minor !== null) conditions.push([MINOR, minor]);
  return [
    ...conditions.map(([register, value], i): Instruction => ({
      code: JUMP_UNEQUAL,
      to: register,
      value,
      offset: conditions.length - 1 - i + decide.length,
    })),
    ...decide,
  ];
}

function encode(program: Instruction[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, to = 0, from = 0, offset = 0, value = 0 }, i) => {
    view.setUint8(i * 8, code);
    view.setUint8(i * 8 + 1, from << 4 | to);
    view.setInt16(i * 8 + 2, offset, true);
    view.setInt32(i * 8 + 4, value, true);
  });
  return bytes;
}

const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
const BPF_F_ALLOW_MULTI = 2;

/**
 * Loads the program for the rules and attaches it to a v2 cgroup, until the
 * cgroup is removed. Programs of the cgroups above still apply.
 */
export function attachDevices(
  cgroup: string,
  rules: readonly DeviceRule[],
): void {
  const program = deviceProgram(rules);
  const license = cString("MIT");
  // union bpf_attr: the part for BPF_PROG_LOAD up to prog_flags
  const load = new Uint8Array(48);
  const view = new DataView(load.buffer);
  view.setUint32(0, BPF_PROG_TYPE_CGROUP_DEVICE, true);
  view.setUint32(4, program.length / 8, true);
  view.setBigUint64(8, addressOf(program), true);
  view.setBigUint64(16, addressOf(license), true);
  using directory = open(cgroup, O.O_RDONLY | O.O_DIRECTORY);
  const fd = syscall("bpf", BPF_PROG_LOAD, load, load.length);
  try {
    const attach = new Uint8Array(
      new Uint32Array([directory.fd, fd, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI])
        .buffer,
    );
    syscall("bpf", BPF_PROG_ATTACH, attach, attach.length);
  } finally {
    syscall("close", fd);
  }
  // Using them after the call keeps the garbage collector from freeing them.
  if (!program.length || !license.length) throw new RangeError();
}

/**
 * Returns the type and numbers of a device node.
 *
 * @param files how the files of the machine are looked at, stat(2)
 */
export const deviceLookup = (
  files: { stat(path: string): { type: string; rdev: number } },
): DeviceLookup =>
(path) => {
  const { type, rdev } = statOf(path, files);
  if (type !== "block device" && type !== "character device") {
    throw new UsageError(`${path} is not a device`);
  }
  return { type: type === "block device" ? "b" : "c", ...splitDevice(rdev) };
};

function statOf(path: string, { stat }: Parameters<typeof deviceLookup>[0]) {
  try {
    return stat(path);
  } catch (cause) {
    if (cause instanceof SyscallError && cause.code === "ENOENT") {
      throw new UsageError(`${path} does not exist on this host`);
    }
    throw cause;
  }
}

/**
 * Splits glibc's dev_t: the twelve lower bits of the major are between the low
 * and high bits of the minor.
 */
export function splitDevice(rdev: number): { major: number; minor: number } {
  const dev = BigInt(rdev);
  return {
    major: Number((dev >> 8n & 0xfffn) | (dev >> 32n & ~0xfffn)),
    minor: Number((dev & 0xffn) | (dev >> 12n & 0xffffff00n)),
  };
}
