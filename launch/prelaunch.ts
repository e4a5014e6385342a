/**
 * The launch of a usual `run`, compiled when the executable is built. The
 * native entry (launch/native/prelaunch.h) carries it out before Deno's runtime
 * starts, so the child's runtime starts at the same time as the parent's and
 * not after it.
 *
 * The launch is a guess, and a wrong guess does no harm: the parent takes over
 * the launched process only if its own plan says the same
 * (launch/prelaunched.ts).
 */

import { AT_EMPTY_PATH } from "../ffi/fcntl.ts";
import type { Step } from "../plan/step.ts";
import type { Instruction } from "./bytecode/call.ts";
import { DESCRIPTOR } from "./lower/descriptors.ts";
import { encodeInstructions } from "./bytecode/encode.ts";
import { lower } from "./lower/lower.ts";
import { packed } from "./bytecode/packed.ts";
import type { Program } from "./program.ts";

/** The first slots. launch/native/prelaunch.h has the same numbers. */
export const PRELAUNCH_SLOTS = [
  "argv",
  "env",
  "words",
  "memory",
  "handover",
  "lifeline",
  "status",
  "walker",
  "pid",
] as const;

/**
 * The flags of `run` that do not change the launch. With any other word, or
 * another spelling of these flags, only the parent's runtime starts.
 */
const INDIFFERENT: readonly string[] = [
  "cap-add",
  "cap-drop",
  "debug",
  "env",
  "env-file",
  "env-host",
  "group-add",
  "hostname",
  "interactive",
  "quiet",
  "read-only",
  "rootfs",
  "tmpfs",
  "ulimit",
  "umask",
  "user",
  "volume",
  "workdir",
];

/**
 * Replaces the arguments and environment of our executable with slots, which
 * are filled at run time.
 */
export function withoutOwnWords(instruction: Instruction): Instruction {
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

/** Compiles a launch for the native entry. */
export function prelaunchProgram(launch: readonly Step[]): Program {
  const lowered = launch.map((step) => lower(step).map(withoutOwnWords));
  const { bytes, slots } = encodeInstructions(
    lowered.flat(),
    undefined,
    PRELAUNCH_SLOTS,
  );
  return {
    bytes,
    slots,
    counts: lowered.map(({ length }) => length),
    pointers: [],
  };
}

/**
 * A text that is equal for two launches if they differ only in the arguments
 * and environment.
 */
export const textOfLaunch = (launch: readonly Step[]): string =>
  JSON.stringify(
    launch,
    (key, value) => key === "argv" || key === "env" ? undefined : value,
  );

/** A flag of the command line. */
interface Flag {
  name: string;
  short?: string;
  value?: string;
}

/**
 * Packs a launch for launch/native/prelaunch.h: the length of everything, the
 * lengths of the bytecode and the text, then the bytecode, the text and the
 * flags.
 */
export function prelaunch(
  launch: readonly Step[],
  flags: readonly Flag[],
): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const words = flags.filter(({ name }) => INDIFFERENT.includes(name))
    .flatMap(({ name, short, value }) =>
      [`--${name}`, ...(short ? [`-${short}`] : [])]
        .map((word) => `${value ? "+" : "-"}${word}\0`)
    );
  const { bytes: bytecode } = prelaunchProgram(launch);
  const text = encoder.encode(textOfLaunch(launch));
  return packed([bytecode.length, text.length], [
    bytecode,
    text,
    encoder.encode(`${words.join("")}\0`),
  ]);
}
