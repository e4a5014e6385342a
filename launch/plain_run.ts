/**
 * The plainest `run`, compiled when the program is built: with `--no-init` and
 * `--quiet`, a root filesystem and a command, and nothing else. All that its plan
 * depends on is then known but a few words, and the compiled program carries it
 * out without a runtime (launch/plain_run.h), in a tenth of the time.
 *
 * It is the plan of such a run as it would be compiled then, by the same code;
 * the words are left out. Where it does not fit, the runtime starts.
 */

import type { CgroupLayout } from "../plan/facts.ts";
import type { Step } from "../plan/step.ts";
import { fromBase64 } from "../ffi/base64.ts";
import type { Argument, Instruction } from "./call.ts";
import { compileImage } from "./image.ts";
import { lower } from "./lower.ts";
import { WALKER } from "./walker_code.ts";

/** The first slots, which launch/plain_run.h knows by number. */
const SLOTS = [
  "root",
  "argv",
  "null0",
  "null1",
  "null2",
  "anyNull",
  "pid",
] as const;

/** What a plain run is compiled from. */
export interface PlainRun {
  /** Launch, container and process, in one. */
  steps: readonly Step[];
  /** What stands in them for the path of the root filesystem. */
  root: string;
  /** The machine's hierarchies of cgroups: they are what is mounted. */
  cgroups: CgroupLayout;
  /** The bounding set that it counts on, as bits. */
  bounding: bigint;
  /** The directories in which the command is looked for. */
  path: readonly string[];
  /** What the root filesystem has to have: `d/proc`, `f/etc/hosts`. */
  places: readonly string[];
  /** What is said where one of {@linkcode ENDING} comes before the command runs, in that order. */
  endings: readonly string[];
}

/** Puts slots in the place of the words that are not known yet. */
function withoutWords(instruction: Instruction, root: string): Instruction {
  if (instruction.name === "fail" || instruction.name === "compare") {
    return instruction;
  }
  const args = instruction.args.map((argument): Argument => {
    if (argument === root) return { slot: "root" };
    // A path below it would need a slot of its own.
    if (JSON.stringify(argument, withoutBigint)?.includes(root)) {
      throw new RangeError(`${instruction.name} has the root in its arguments`);
    }
    return argument;
  });
  return { ...instruction, args };
}

const withoutBigint = (_: string, value: unknown) =>
  typeof value === "bigint" ? String(value) : value;

const YES = new Uint8Array(new BigUint64Array([1n]).buffer);

/** Leaves out what comes next, where a slot is not 1. */
const where = (slot: string, count: number): Instruction => ({
  name: "compare",
  args: [{ addressOf: slot }, YES, YES.length],
  otherwise: "EINVAL",
  expect: ["EINVAL"],
  skipOnExpected: count,
});

/** Which of the streams are the null device is seen when they are there. */
function whereNull(instructions: readonly Instruction[]): Instruction[] {
  const chosen = instructions.flatMap((instruction): Instruction[] => {
    if (instruction.name === "dup3") {
      return [where(`null${instruction.args[1]}`, 1), instruction];
    }
    return [instruction];
  });
  const skipOnExpected = chosen.length - 1;
  return [
    where("anyNull", chosen.length),
    ...chosen.map((instruction) =>
      instruction.name === "openat"
        ? { ...instruction, skipOnExpected }
        : instruction
    ),
  ];
}

/** The candidates for the command, by their slots. */
function withoutCommand(instructions: readonly Instruction[]): Instruction[] {
  let candidate = 0;
  return instructions.map((instruction) =>
    instruction.name === "execve"
      ? {
        ...instruction,
        args: [
          { slot: `candidate${candidate++}` },
          { slot: "argv" },
          instruction.args[2]!,
        ],
      }
      : instruction
  );
}

/** As /proc/self/cgroup has them, a line each; none for cgroup v2 alone. */
const textOfLayout = (layout: CgroupLayout) =>
  layout.version === 1
    ? layout.hierarchies.toReversed().map((names) => `${names}\n`).join("")
    : "";

/** Lengths are multiples of this. */
const ALIGNMENT = 8;

/**
 * What is put into the compiled program for a plain run: its length, those of
 * the image and of the walker's executable, the bounding set; and behind these
 * the bytes and the texts.
 */
export function plainRun(
  { steps, root, cgroups, bounding, path, places, endings }: PlainRun,
  arch = Deno.build.arch,
): Uint8Array<ArrayBuffer> {
  const instructions = withoutCommand(
    steps.flatMap((step) =>
      step.step === "reopenNull" ? whereNull(lower(step)) : lower(step)
    ).map((instruction) => withoutWords(instruction, root)),
  );
  const { bytes: image } = compileImage(instructions, arch, [
    ...SLOTS,
    ...path.map((_, index) => `candidate${index}`),
  ]);
  const list = (texts: readonly string[]) =>
    [...texts, ""].map((text) => `${text}\0`).join("");
  const parts = [
    image,
    fromBase64(WALKER[arch].code),
    new TextEncoder().encode(
      `${textOfLayout(cgroups)}\0${list(path)}${list(places)}${list(endings)}`,
    ),
  ];
  const numbers = new BigUint64Array(4);
  const length = parts.reduce((sum, part) => sum + part.length, 0) +
    numbers.byteLength;
  const bytes = new Uint8Array(Math.ceil(length / ALIGNMENT) * ALIGNMENT);
  numbers.set([bytes.length, image.length, parts[1]!.length].map(BigInt));
  numbers[3] = bounding;
  let at = 0;
  for (const part of [new Uint8Array(numbers.buffer), ...parts]) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
