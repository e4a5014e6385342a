/**
 * Runs system calls under a filter, for tests: the walker installs the filter
 * and continues.
 */

import {
  type Descriptor,
  memoryFile,
  moveUp,
  pipe,
  readAt,
} from "../ffi/fcntl.ts";
import { spawn } from "../ffi/spawn.ts";
import { exitCode, wait } from "../ffi/wait.ts";
import type { Instruction } from "../launch/bytecode/call.ts";
import { encodeInstructions } from "../launch/bytecode/encode.ts";
import { HEADER_SIZE } from "../launch/bytecode/layout.ts";
import { type Outcome, readOutcome } from "../launch/outcome.ts";
import { DESCRIPTOR } from "../launch/lower/descriptors.ts";
import { openWalker } from "../launch/walker.ts";
import { installFilter } from "../launch/lower/seccomp_filter.ts";

const PR_SET_NO_NEW_PRIVS = 38;

/** Allows an unprivileged process to install a filter. */
export const NO_NEW_PRIVS: Instruction = {
  name: "prctl",
  args: [PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0],
};

/** A running walker. */
export interface Started {
  pid: number;
  /** How far it has got, at any time. */
  outcome(): Outcome;
  memory: Descriptor;
}

/**
 * Starts a walker with instructions, a descriptor for its output, and further
 * descriptors.
 */
export function start(
  instructions: readonly Instruction[],
  output: Descriptor,
  fds: Record<number, number> = {},
): Started {
  const bytecode = encodeInstructions(instructions);
  const memory = moveUp(memoryFile("plan", bytecode.bytes));
  const pid = spawn(
    `/proc/self/fd/${openWalker().fd}`,
    ["walker", String(DESCRIPTOR.walk)],
    { ...fds, 1: output.fd, 2: output.fd, [DESCRIPTOR.walk]: memory.fd },
  );
  const header = () => {
    const bytes = new Uint8Array(HEADER_SIZE);
    readAt(memory.fd, bytes, 0);
    return bytes;
  };
  return {
    pid,
    memory,
    outcome: () => readOutcome(bytecode, header()),
  };
}

/** How a command ended. */
export interface Ended {
  code: number;
  output: string;
  outcome: Outcome;
}

/** Runs instructions to their end; the last one may be an execve. */
export async function runUnder(
  filter: Uint8Array,
  instructions: readonly Instruction[],
): Promise<Ended> {
  const { read, write } = pipe();
  using output = moveUp(write);
  const started = start(
    [NO_NEW_PRIVS, installFilter(filter), ...instructions],
    output,
  );
  output.close();
  const text = await new Response(
    (await Deno.open(`/dev/fd/${read.fd}`)).readable,
  ).text();
  read.close();
  const status = wait(started.pid)!;
  const outcome = started.outcome();
  started.memory.close();
  return { code: exitCode(status), output: text, outcome };
}

/** The execve of a command. */
export function execute(...argv: [string, ...string[]]): Instruction {
  const env = [`PATH=${Deno.env.get("PATH")}`, "HOME=/tmp"];
  return { name: "execve", args: [argv[0], argv, env] };
}
