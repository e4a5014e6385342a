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
import type { Instruction } from "./bytecode/call.ts";
import { encodeInstructions } from "./bytecode/encode.ts";
import { DESCRIPTOR } from "./lower/descriptors.ts";
import { lower } from "./lower/lower.ts";
import { unmounting } from "./pack_handover.ts";
import { alignedLength, packed } from "./bytecode/packed.ts";
import { WALKER } from "./native/walker_code.ts";
import {
  CONDITIONS,
  type Places,
  PLAIN_SLOTS,
  type PlainKind,
  PlainPrograms,
  where,
} from "./plain_kinds.ts";

/** The slot of a candidate for the command. */
const candidateSlot = (index: number) =>
  index ? `candidate${index}` : "candidate";

/** What a plain run is compiled from. */
export interface PlainRun {
  /** Whether the command is PID 1. */
  direct: boolean;
  kinds: readonly PlainKind[];
  places: Places;
  /** The machine's cgroup hierarchies, which the container mounts. */
  cgroups: CgroupLayout;
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

/**
 * Replaces the command and its variables, or our executable, with slots. One
 * step executes all candidates for the command.
 */
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

/**
 * Splits a plan into the parts that are carried out in one go. If the command
 * is PID 1, there is one part. If our executable is PID 1, there are four: the
 * launch, and the three programs of the handover.
 */
export const partsOf = (plan: Plan): (readonly Step[])[] =>
  plan.init
    ? [plan.launch, plan.container, plan.process, unmounting(plan)]
    : [[...plan.launch, ...plan.container, ...plan.process], [], [], []];

/**
 * The hierarchies in the order of /proc/self/cgroup, one per line; empty for
 * cgroup v2 alone.
 */
const textOfLayout = (layout: CgroupLayout) =>
  layout.version === 1
    ? layout.hierarchies.toReversed().map((names) => `${names}\n`).join("")
    : "";

/** Bytes that end at a multiple of the alignment. */
export const aligned = (bytes: Uint8Array): Uint8Array => {
  const whole = new Uint8Array(alignedLength(bytes.length));
  whole.set(bytes);
  return whole;
};

/**
 * Packs a plain run for launch/native/guards.h: the length of everything,
 * whether the command is PID 1, the lengths of the compiled parts and of the
 * walker's executable, the conditions, then the parts, the executable and the
 * texts. If the command is PID 1, there are only guards and a launch.
 */
export function plainRun(
  run: PlainRun,
  arch = Deno.build.arch,
): Uint8Array<ArrayBuffer> {
  const slots = [
    ...PLAIN_SLOTS,
    ...run.path.slice(1).map((_, index) => candidateSlot(index + 1)),
  ];
  const list = (texts: readonly string[]) =>
    [...texts, ""].map((text) => `${text}\0`).join("");
  const programs = new PlainPrograms(run);
  const parts = [
    programs.merge(({ guards }) => guards),
    ...[0, 1, 2, 3].map((index) =>
      programs.merge(({ plan }) =>
        partsOf(plan)[index]!.map((step) => withoutCommand(lowerOpen(step)))
      )
    ),
  ].map((program) =>
    program.length
      ? aligned(encodeInstructions(program, arch, slots).bytes)
      : new Uint8Array()
  );
  const all = [...parts, fromBase64(WALKER[arch].code)];
  const { cgroups, carried, path, variables, endings, stops, losses } = run;
  const texts = `${textOfLayout(cgroups)}\0${carried ?? ""}\0${
    [path, variables, endings, stops, losses].map(list).join("")
  }`;
  const conditions = Array.from(
    { length: CONDITIONS },
    (_, index) => Number(programs.conditions[index] ?? 0n),
  );
  return packed(
    [Number(run.direct), ...all.map(({ length }) => length), ...conditions],
    [...all, new TextEncoder().encode(texts)],
  );
}
