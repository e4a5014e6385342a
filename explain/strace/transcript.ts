/**
 * A plan as strace(1) would show its execution: every system call of every
 * step, with the process that makes it. Pure: nothing is executed.
 *
 * The transcript leaves out Deno's own calls and those that start the walker.
 */

import type { Process, TracedCall } from "./traced_call.ts";
import { inOrder } from "../steps/order.ts";
import type { HostStep, Phase, Plan, Step } from "../../plan/step.ts";
import type {
  Call,
  Comparison,
  Instruction,
} from "../../launch/bytecode/call.ts";
import { lower } from "../../launch/lower/lower.ts";
import { showArguments } from "./arguments.ts";
import { fileCalls, mapCalls, relayCalls } from "./host_calls.ts";
import { mapMountCalls, mountImageCalls } from "./mount_calls.ts";
import { plain } from "./notation.ts";

/** One step and its calls. */
export interface TracedStep {
  /** The step's number in `explain`. */
  number: number;
  phase: Phase;
  step: Step;
  calls: TracedCall[];
}

/** All steps with their calls, in the order of execution. */
export function transcribe(plan: Plan): TracedStep[] {
  let born = false;
  return inOrder(plan).map(({ phase, step }, index): TracedStep => {
    const process = processOf(plan, phase, born);
    born ||= step.step === "clone";
    return {
      number: index + 1,
      phase,
      step,
      calls: (phase === "host" ? hostCalls(step as HostStep) : null) ??
        showInstructions(lower(step)).map((text) => ({ process, text })),
    };
  });
}

/** The calls that the parent makes directly; null for a step that is lowered. */
function hostCalls(step: HostStep): TracedCall[] | null {
  switch (step.step) {
    case "mapIds":
      return mapCalls(step);
    case "relayStream":
      return relayCalls();
    case "mapMount":
      return mapMountCalls(step, showInstructions);
    case "mountImage":
      return mountImageCalls(step, showInstructions);
    case "copyUp":
      return null;
    default:
      return fileCalls(step);
  }
}

/** The process of a step. Without `init` there is no separate child. */
function processOf({ init }: Plan, phase: Phase, born: boolean): Process {
  if (phase === "host") return "parent";
  if (phase === "launch" && !born) return "walker";
  return init && phase !== "process" ? "child" : "command";
}

const isCall = (instruction: Instruction): instruction is Call =>
  instruction.name !== "compare" && instruction.name !== "fail";

/** The calls among the instructions, as text. */
export function showInstructions(
  instructions: readonly Instruction[],
): string[] {
  return instructions.flatMap((instruction, index) => {
    if (!isCall(instruction)) return [];
    const rest = instructions.slice(index + 1);
    return [
      `${instruction.name}(${argumentsOf(instruction, rest[0]).join(", ")}) = ${
        resultOf(instruction)
      }${remark(instruction, rest)}`,
    ];
  });
}

const MAGIC: Record<string, string | undefined> = {
  "0x9fa0": "PROC_SUPER_MAGIC",
  "0x62656572": "SYSFS_MAGIC",
};

function argumentsOf(call: Call, next: Instruction | undefined): string[] {
  if (call.name !== "fstatfs") return showArguments(call);
  // The comparison that follows has the expected value.
  const type = next?.name === "compare" && !next.expect ? magicOf(next) : "...";
  return [plain(call.args[0]!), `{f_type=${type}, ...}`];
}

function magicOf({ args: [, wanted] }: Comparison): string {
  if (!(wanted instanceof Uint8Array)) return "...";
  const hex = `0x${
    new DataView(wanted.buffer).getBigUint64(0, true).toString(16)
  }`;
  return MAGIC[hex] ?? hex;
}

/** The result as strace shows it; `?` if it cannot be predicted. */
function resultOf(call: Call): string {
  const { name, args, result, want } = call;
  if (result) return `<${result}>`;
  if (want) return String(want.result);
  switch (name) {
    case "write":
      return plain(args[2]!);
    case "dup3":
      return plain(args[1]!);
    case "sendmsg":
      return "1";
    case "setsid":
    case "umask":
    case "keyctl":
    case "getcwd":
    case "personality":
      return "?";
    default:
      return "0";
  }
}

/** How many calls a comparison skips that checks the result of this call. */
function skipIfSame(rest: readonly Instruction[]): number {
  const next = rest.findIndex(isCall);
  const decides = rest.slice(0, next).findIndex((instruction) =>
    instruction.name === "compare" && instruction.skipOnSuccess
  );
  const found = rest[decides];
  if (found?.name !== "compare") return 0;
  const { skipOnSuccess = 0 } = found;
  return rest.slice(decides + 1, decides + 1 + skipOnSuccess).filter(isCall)
    .length;
}

/**
 * Other accepted outcomes: expected errors, and how many calls are skipped
 * then.
 */
function remark(call: Call, rest: readonly Instruction[]): string {
  const skip = (count = 0) => rest.slice(0, count).filter(isCall).length;
  const onSuccess = skip(call.skipOnSuccess) + skipIfSame(rest);
  const onExpected = skip(call.skipOnExpected);
  const parts = [
    ...(onSuccess ? [`then skip ${onSuccess}`] : []),
    ...(call.expect?.length
      ? [
        `or ${call.expect.join(", ")}${
          onExpected ? `: skip ${onExpected}` : ""
        }`,
      ]
      : []),
  ];
  return parts.length ? ` /* ${parts.join("; ")} */` : "";
}
