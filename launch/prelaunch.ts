/**
 * The launch of a usual `run`, compiled when the program is built and walked by
 * the compiled one before its runtime starts (launch/native/entry.c): the child's
 * runtime then starts beside the parent's, and not after it.
 *
 * It is a guess, and nothing hangs on it. What is launched is taken where the
 * plan of this very run says the same (launch/prelaunched.ts).
 */

import { AT_EMPTY_PATH } from "../ffi/fcntl.ts";
import type { Step } from "../plan/step.ts";
import type { Instruction } from "./bytecode/call.ts";
import { DESCRIPTOR } from "./lower/descriptors.ts";
import { encodeInstructions } from "./bytecode/encode.ts";
import { lower } from "./lower/lower.ts";
import { packed } from "./bytecode/packed.ts";
import type { Program } from "./program.ts";

/** The first slots, which launch/native/entry.c knows by number. */
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
 * The flags of `run` that a launch does not hang on. Any other word, and any
 * other way to write these, and the runtime starts alone.
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

/** The words that our program is executed with are put in when they are known. */
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

/** What launch/native/entry.c walks for a launch. */
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

/** By which two launches are told to be the same, but for the words of the command. */
export const textOfLaunch = (launch: readonly Step[]): string =>
  JSON.stringify(
    launch,
    (key, value) => key === "argv" || key === "env" ? undefined : value,
  );

/** A flag as the command line has it. */
interface Flag {
  name: string;
  short?: string;
  value?: string;
}

/**
 * What is put into the compiled program for a launch, as launch/native/entry.c reads
 * it: the length of all of it, of the image and of the text, and behind them
 * these two and the flags.
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
  const { bytes: image } = prelaunchProgram(launch);
  const text = encoder.encode(textOfLaunch(launch));
  return packed([image.length, text.length], [
    image,
    text,
    encoder.encode(`${words.join("")}\0`),
  ]);
}
