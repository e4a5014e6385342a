/**
 * The plainest `run`, compiled when the program is built: with `--quiet`, a root
 * filesystem and a command, with or without `--no-init`, and nothing else. All
 * that its plan depends on is then known but a few words, and the compiled
 * program carries it out without a runtime (launch/native/plain_run.h), in a tenth of
 * the time.
 *
 * It is the plan of such a run as it would be compiled then, by the same code;
 * the words are left out. Where it does not fit, the runtime starts.
 */

import { fromBase64 } from "../ffi/base64.ts";
import type { CgroupLayout } from "../plan/facts.ts";
import type { Plan, Step } from "../plan/step.ts";
import type { Argument, EntryOperation, Instruction } from "./bytecode/call.ts";
import { encodeInstructions } from "./bytecode/encode.ts";
import { lower } from "./lower/lower.ts";
import { unmounting } from "./pack_handover.ts";
import { alignedLength, packed } from "./bytecode/packed.ts";
import { withoutOwnWords } from "./prelaunch.ts";
import { WALKER } from "./native/walker_code.ts";

/** The first slots, which launch/native/guards.h knows by number. */
const SLOTS = [
  "root",
  "argv",
  "env",
  "null0",
  "null1",
  "null2",
  "anyNull",
  "pid",
  "process",
  "processSize",
] as const;

/** What a plain run is compiled from. */
export interface PlainRun {
  plan: Plan;
  /** What stands in it for the path of the root filesystem. */
  root: string;
  /** The machine's hierarchies of cgroups: they are what is mounted. */
  cgroups: CgroupLayout;
  /** The bounding set that it counts on, as bits. */
  bounding: bigint;
  /** The directories in which the command is looked for. */
  path: readonly string[];
  /** What the root filesystem has to have: `d/proc`, `f/etc/hosts`. */
  places: readonly string[];
  /** What is said where one of ENDING comes before the command runs, in that order. */
  endings: readonly string[];
  /** What is said where one comes before all output is through: of output, of error, of both. */
  stops: readonly string[];
  /**
   * What is said of a stream that is lost: of input, output, error and both,
   * before the error and after it; then the errors, a byte with the number first.
   */
  losses: readonly string[];
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
  return [where("anyNull", chosen.length), ...chosen];
}

/** The command, or our program again, by its slots. */
function withoutCommand(instructions: readonly Instruction[]): Instruction[] {
  let candidate = 0;
  const argv = { slot: "argv" };
  return instructions.map((instruction): Instruction => {
    if (instruction.name !== "execve") return withoutOwnWords(instruction);
    const path = { slot: `candidate${candidate++}` };
    return { ...instruction, args: [path, argv, instruction.args[2]!] };
  });
}

const withoutKnown = (steps: readonly Step[], root: string) =>
  withoutCommand(
    steps.flatMap((step) =>
      step.step === "reopenNull" ? whereNull(lower(step)) : lower(step)
    ).map((instruction) => withoutWords(instruction, root)),
  );

/**
 * What is carried out of a plan in one go: all of it where the command is PID 1.
 * Where our program is, it comes to three: the launch, what is done inside before
 * and after the command, and what becomes the command.
 */
function programsOf(
  plan: Plan,
  root: string,
): (readonly (Instruction | EntryOperation)[])[] {
  const { launch, container, process } = plan;
  if (!plan.init) {
    return [withoutKnown([...launch, ...container, ...process], root), [], []];
  }
  const status = "status";
  return [
    withoutKnown(launch, root),
    [
      ...withoutKnown(container, root),
      { name: "runCommand", args: [], result: status },
      ...withoutKnown(unmounting(plan), root),
      { name: "exit", args: [{ slot: status }] },
    ],
    withoutKnown(process, root),
  ];
}

/** As /proc/self/cgroup has them, a line each; none for cgroup v2 alone. */
const textOfLayout = (layout: CgroupLayout) =>
  layout.version === 1
    ? layout.hierarchies.toReversed().map((names) => `${names}\n`).join("")
    : "";

const aligned = (bytes: Uint8Array): Uint8Array => {
  const whole = new Uint8Array(alignedLength(bytes.length));
  whole.set(bytes);
  return whole;
};

/**
 * What is put into the compiled program for a plain run: its length, those of
 * the images and of the walker's executable, the bounding set; and behind these
 * the bytes and the texts.
 */
export function plainRun(
  { plan, root, cgroups, bounding, path, places, endings, stops, losses }:
    PlainRun,
  arch = Deno.build.arch,
): Uint8Array<ArrayBuffer> {
  const slots = [...SLOTS, ...path.map((_, index) => `candidate${index}`)];
  const list = (texts: readonly string[]) =>
    [...texts, ""].map((text) => `${text}\0`).join("");
  const parts = [
    ...programsOf(plan, root).map((program) =>
      program.length
        ? aligned(encodeInstructions(program, arch, slots).bytes)
        : new Uint8Array()
    ),
    fromBase64(WALKER[arch].code),
  ];
  const texts = `${textOfLayout(cgroups)}\0${list(path)}${list(places)}${
    list(endings)
  }${list(stops)}${list(losses)}`;
  return packed([...parts.map(({ length }) => length), bounding], [
    ...parts,
    new TextEncoder().encode(texts),
  ]);
}
