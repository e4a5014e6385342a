/**
 * The plainest `run`, compiled when the executable is built: with a root
 * filesystem and a command, and with few flags. Everything that its plan depends
 * on, except a few words, is known by then. The native entry
 * (launch/native/plain_run.h) carries the plan out without Deno's runtime, in a
 * tenth of the time.
 *
 * The plan is the one that such a run would compile itself, from the same code,
 * with the unknown words left out. If the plan does not fit a command line, the
 * runtime starts.
 */

import { fromBase64 } from "../ffi/base64.ts";
import type { CgroupLayout } from "../plan/facts.ts";
import type { Plan, Step } from "../plan/step.ts";
import { AT_EMPTY_PATH } from "../ffi/fcntl.ts";
import type {
  Argument,
  EntryInstruction,
  Instruction,
} from "./bytecode/call.ts";
import { encodeInstructions } from "./bytecode/encode.ts";
import { DESCRIPTOR } from "./lower/descriptors.ts";
import { lower } from "./lower/lower.ts";
import { unmounting } from "./pack_handover.ts";
import { alignedLength, packed } from "./bytecode/packed.ts";
import { WALKER } from "./native/walker_code.ts";

/** The first slots; those of further candidates follow. */
export const PLAIN_SLOTS = [
  "root",
  "argv",
  "env",
  "null0",
  "null1",
  "null2",
  "anyNull",
  "pid",
  "announces",
  "announcement",
  "announcementLength",
  "variables",
  "candidate",
] as const;

/** The slot of a candidate for the command. */
const candidateSlot = (index: number) =>
  index ? `candidate${index}` : "candidate";

/** The flags that need a plan of their own, as bits. */
export const PLAIN_KIND = { direct: 1, readOnly: 2 } as const;

/** What a plain run is compiled from. */
export interface PlainRun {
  /** Its flags, of {@linkcode PLAIN_KIND}. */
  kind: number;
  plan: Plan;
  /** A placeholder in the plan for the path of the root filesystem. */
  root: string;
  /** The machine's cgroup hierarchies, which the container mounts. */
  cgroups: CgroupLayout;
  /** Fail if anything is not as the plan expects. */
  guards: readonly EntryInstruction[];
  /**
   * The name of the root filesystem that the program carries, in the cache
   * (rootfs/embedded.ts); null if it carries none.
   */
  carried: string | null;
  /** The directories in which the command is looked up. */
  path: readonly string[];
  /** The command's variables, to which `--env` adds. */
  variables: readonly string[];
  /**
   * The message for each of ENDING, in that order, for a signal that arrives
   * before the command runs.
   */
  endings: readonly string[];
  /**
   * The same for a signal that arrives before all output is copied: first for
   * standard output, then for standard error, then for both.
   */
  stops: readonly string[];
  /**
   * The messages for a lost stream: of input, output, error and both, each with
   * a text before the error and a text after it. The errors follow; the first
   * byte of each is its number.
   */
  losses: readonly string[];
}

/** Replaces words that are not known yet with slots. */
function withoutWords(instruction: Instruction, root: string): Instruction {
  if (instruction.name === "fail" || instruction.name === "compare") {
    return instruction;
  }
  const args = instruction.args.map((argument): Argument => {
    if (argument === root) return { slot: "root" };
    // A path below the root would need a slot of its own.
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

/** Skips the next instructions if a slot is not 1. */
const where = (slot: string, count: number): Instruction => ({
  name: "compare",
  args: [{ addressOf: slot }, YES, YES.length],
  otherwise: "EINVAL",
  expect: ["EINVAL"],
  skipOnExpected: count,
});

/**
 * Makes the replacement of each null device conditional: whether a stream is
 * one is known only at run time.
 */
function whereNull(instructions: readonly Instruction[]): Instruction[] {
  const chosen = instructions.flatMap((instruction): Instruction[] => {
    if (instruction.name === "dup3") {
      return [where(`null${instruction.args[1]}`, 1), instruction];
    }
    return [instruction];
  });
  return [where("anyNull", chosen.length), ...chosen];
}

/** Replaces the arguments and environment of our executable with slots. */
function withoutOwnWords(instruction: Instruction): Instruction {
  if (instruction.name !== "execveat") return instruction;
  return {
    ...instruction,
    args: [
      DESCRIPTOR.self,
      "",
      { slot: "argv" },
      { slot: "env" },
      AT_EMPTY_PATH,
    ],
  };
}

/** Replaces the command and its variables, or our executable, with slots. */
function withoutCommand(instructions: readonly Instruction[]): Instruction[] {
  let candidate = 0;
  const argv = { slot: "argv" };
  return instructions.map((instruction): Instruction => {
    if (instruction.name !== "execve") return withoutOwnWords(instruction);
    const path = { slot: candidateSlot(candidate++) };
    return { ...instruction, args: [path, argv, { slot: "variables" }] };
  });
}

/** The announcement has the command's words, and --quiet leaves it out. */
const whereAnnounced = (
  instructions: readonly Instruction[],
): Instruction[] => [
  where("announces", instructions.length),
  ...instructions.map((instruction): Instruction =>
    instruction.name === "write"
      ? {
        ...instruction,
        args: [
          instruction.args[0]!,
          { slot: "announcement" },
          { slot: "announcementLength" },
        ],
      }
      : instruction
  ),
];

/** The system calls of a step, of which some depend on the request. */
function lowerOpen(step: Step): readonly Instruction[] {
  switch (step.step) {
    case "reopenNull":
      return whereNull(lower(step));
    case "announce":
      return whereAnnounced(lower(step));
    default:
      return lower(step);
  }
}

const withoutKnown = (steps: readonly Step[], root: string) =>
  withoutCommand(
    steps.flatMap(lowerOpen).map((instruction) =>
      withoutWords(instruction, root)
    ),
  );

/**
 * Splits a plan into the parts that are carried out in one go. If the command
 * is PID 1, there is one part. If our executable is PID 1, there are four: the
 * launch, and the three programs of the handover.
 */
function programsOf(plan: Plan, root: string): (readonly Instruction[])[] {
  const { launch, container, process } = plan;
  const all = plan.init
    ? [launch, container, process, unmounting(plan)]
    : [[...launch, ...container, ...process], [], [], []];
  return all.map((steps) => withoutKnown(steps, root));
}

/**
 * The hierarchies in the order of /proc/self/cgroup, one per line; empty for
 * cgroup v2 alone.
 */
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
 * Packs a plain run for launch/native/guards.h: the length of everything, the
 * kind, the lengths of the compiled parts and of the walker's executable, then
 * the parts, the executable and the texts. If the command is PID 1, there are
 * only guards and a launch.
 */
export function plainRun(
  { plan, root, cgroups, guards, carried, ...others }: PlainRun,
  arch = Deno.build.arch,
): Uint8Array<ArrayBuffer> {
  const slots = [
    ...PLAIN_SLOTS,
    ...others.path.slice(1).map((_, index) => candidateSlot(index + 1)),
  ];
  const list = (texts: readonly string[]) =>
    [...texts, ""].map((text) => `${text}\0`).join("");
  const parts = [
    ...[guards, ...programsOf(plan, root)].map((program) =>
      program.length
        ? aligned(encodeInstructions(program, arch, slots).bytes)
        : new Uint8Array()
    ),
    fromBase64(WALKER[arch].code),
  ];
  const { kind, path, variables, endings, stops, losses } = others;
  const texts = `${textOfLayout(cgroups)}\0${carried ?? ""}\0${
    [path, variables, endings, stops, losses].map(list).join("")
  }`;
  return packed([kind, ...parts.map(({ length }) => length)], [
    ...parts,
    new TextEncoder().encode(texts),
  ]);
}
