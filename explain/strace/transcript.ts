/**
 * A plan as strace(1) would show its being carried out: every system call of
 * every step, with the process that makes it. Pure: nothing is carried out.
 *
 * Not in it is what Deno does for itself, and how the walker is started.
 */

import type { Process, TracedCall } from "./traced_call.ts";
import type { CgroupPlan } from "../../cgroup/step.ts";
import { placeSteps } from "../steps/needs.ts";
import type { Phase, Plan, Step } from "../../plan/step.ts";
import type {
  Call,
  Comparison,
  Instruction,
} from "../../launch/bytecode/call.ts";
import { lower } from "../../launch/lower/lower.ts";
import { showArguments } from "./arguments.ts";
import { cgroupCalls, mapCalls, relayCalls } from "./host_calls.ts";
import { mapMountCalls, mountImageCalls } from "./mount_calls.ts";
import { plain } from "./notation.ts";

/** One step with its calls. */
export interface TracedStep {
  /** Its number in `explain`. */
  number: number;
  phase: Phase;
  step: Step;
  calls: TracedCall[];
}

/** Every step with its calls, in the order in which they are made. */
export function transcribe(
  plan: Plan,
  cgroup: CgroupPlan | null,
): TracedStep[] {
  let born = false;
  const steps = placeSteps(plan).map(({ phase, step }, index): TracedStep => {
    const process = processOf(plan, phase, born);
    born ||= step.step === "clone";
    return {
      number: index + 1,
      phase,
      step,
      calls: hostCalls(step, cgroup) ??
        showInstructions(lower(step)).map((text) => ({ process, text })),
    };
  });
  // Ids are mapped for a process that is there.
  const maps = steps.filter(({ step }) => step.step === "mapIds");
  return steps.filter((traced) => !maps.includes(traced)).flatMap((traced) =>
    traced.step.step === "clone" ? [traced, ...maps] : [traced]
  );
}

/** What the parent does by itself; null for what is lowered. */
function hostCalls(step: Step, cgroup: CgroupPlan | null): TracedCall[] | null {
  switch (step.step) {
    case "mapIds":
      return mapCalls(step);
    case "relayStream":
      return relayCalls();
    case "makeCgroup":
      return cgroupCalls(cgroup);
    case "mapMount":
      return mapMountCalls(step, showInstructions);
    case "mountImage":
      return mountImageCalls(step, showInstructions);
    default:
      return null;
  }
}

/** The processes of a plan without our program inside are one less. */
function processOf({ init }: Plan, phase: Phase, born: boolean): Process {
  if (phase === "host") return "parent";
  if (phase === "launch" && !born) return "walker";
  return init && phase !== "process" ? "child" : "command";
}

const isCall = (instruction: Instruction): instruction is Call =>
  instruction.name !== "compare" && instruction.name !== "fail";

/** The calls among instructions, one text each. */
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
  // What it has to be is in the comparison that follows.
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

/** What strace shows after the equals sign; `?` where nobody can know. */
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

/** The calls that a comparison leaves out, which looks at what a call has found. */
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

/** What else may happen: the errors that are fine, and the calls then left out. */
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
