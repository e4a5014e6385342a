/**
 * The native PID 1 without a compiled program: launch/native/entry.c in front
 * of a small C program, which takes the place of Deno's runtime.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import {
  type Descriptor,
  emptyMemoryFile,
  moveUp,
  pipe,
  readAt,
  writeAll,
} from "../../ffi/fcntl.ts";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { type Message, receive, socketPair } from "../../ffi/socket.ts";
import { spawn } from "../../ffi/spawn.ts";
import { waitInBackground, type WaitStatus } from "../../ffi/wait.ts";
import type { Instruction } from "../../launch/bytecode/call.ts";
import { encodeInstructions } from "../../launch/bytecode/encode.ts";
import { FAILURE, type HandoverPart } from "../../launch/handover_layout.ts";
import { DESCRIPTOR } from "../../launch/lower/descriptors.ts";
import { NEWS } from "../../launch/lower/news.ts";
import { lower } from "../../launch/lower/lower.ts";
import { WALKER } from "../../launch/native/walker_code.ts";
import { handoverBytes } from "../../launch/pack_handover.ts";
import { TAKEN_BY_CHILD } from "../../plan/child.ts";
import { insertEntry } from "../../scripts/_entry.ts";
import { descendants } from "../_host.ts";
import { type TempDir, until, without } from "../_harness.ts";

/** Why there is no such program, or null. */
export const NO_PROGRAM = without("gcc") ?? without("unshare");

const RUNTIME = `
#include <stdio.h>
int main(int count, char **words) {
  for (int i = 0; i < count; i++) printf("%s%s", i ? " " : "runtime: ", words[i]);
  puts("");
  return 42;
}
`;

/** Builds the program. */
export async function buildProgram(dir: TempDir): Promise<string> {
  const path = `${dir.path}/program`;
  await Deno.writeTextFile(`${path}.c`, RUNTIME);
  const { success, stderr } = await new Deno.Command("gcc", {
    args: ["-O1", "-fpie", "-pie", `${path}.c`, "-o", path],
  }).output();
  assertEquals([success, new TextDecoder().decode(stderr)], [true, ""]);
  const bytes = await Deno.readFile(path);
  const made = insertEntry(
    bytes,
    bytes.length,
    Deno.build.arch,
    new Uint8Array(0),
  );
  if (typeof made === "string") throw new Error(made);
  await Deno.writeFile(path, made, { mode: 0o755 });
  return path;
}

const step = { why: "", man: "" };

/** What a launch does: PID 1 receives signals one by one. */
export const BLOCK: readonly Instruction[] = lower({
  step: "setSignalMask",
  blocked: [...TAKEN_BY_CHILD],
  ...step,
});

/** A process phase that executes a program. */
export const executing = (...argv: string[]): readonly Instruction[] => [
  ...lower({ step: "defaultSignals", ...step }),
  ...lower({ step: "setSignalMask", blocked: [], ...step }),
  { name: "execve", args: [argv[0]!, argv, ["PATH=/bin:/usr/bin"]] },
];

/** Writes a text to standard output. */
export const say = (text: string): Instruction => ({
  name: "write",
  args: [1, text, new TextEncoder().encode(text).length],
});

/** A process phase that executes a line of the shell. */
export const shell = (line: string) => executing("/bin/sh", "-c", line);

/** The programs of a handover, and its numbers. */
export interface Given {
  container?: readonly Instruction[];
  process: readonly Instruction[];
  cleanup?: readonly Instruction[];
  preserve?: number;
  cgroups?: number;
}

/** The bytes of a handover. */
export function handover(
  { container = BLOCK, process, cleanup = [], preserve = 0, cgroups = 0 }:
    Given,
): Uint8Array<ArrayBuffer> {
  const code = (instructions: readonly Instruction[]) =>
    encodeInstructions(instructions).bytes;
  const parts: Record<HandoverPart, Uint8Array> = {
    container: code(container),
    process: code(process),
    cleanup: code(cleanup),
    walker: Uint8Array.fromBase64(WALKER[Deno.build.arch].code),
    front: new Uint8Array(),
    steps: new Uint8Array(),
  };
  return handoverBytes(parts, { preserve, cgroups });
}

/** A program that is PID 1 of a new PID namespace. */
export class PidOne implements AsyncDisposable {
  readonly #held = new DisposableStack();
  readonly #output: Descriptor;
  readonly status: Descriptor;
  readonly #lifeline: Descriptor;
  /** The process outside the namespace that waits for PID 1. */
  readonly #pid: number;
  readonly #ended: Promise<WaitStatus | null>;

  /** PID 1, as the host numbers it. */
  pid = 0;

  /**
   * Starts it; it waits for its release.
   *
   * @param fds more descriptors of the new process
   * @param before words before its own; they execute it
   */
  static async start(
    program: string,
    bytes: Uint8Array,
    fds: Readonly<Record<number, Descriptor>> = {},
    before: readonly string[] = [],
  ): Promise<PidOne> {
    const one = new PidOne([...before, program], bytes, fds);
    const found = () => descendants(one.#pid)[0]?.pid ?? 0;
    await until("there is a PID 1", () => found() > 0);
    one.pid = found();
    return one;
  }

  private constructor(
    program: readonly string[],
    bytes: Uint8Array,
    fds: Readonly<Record<number, Descriptor>>,
  ) {
    const hold = (descriptor: Descriptor) => this.#held.use(moveUp(descriptor));
    const file = hold(emptyMemoryFile("handover"));
    writeAll(file.fd, bytes);
    this.#output = hold(emptyMemoryFile("output"));
    const [ours, theirs] = socketPair().map(hold);
    this.status = ours!;
    const { read, write } = pipe();
    this.#lifeline = hold(write);
    const given: Record<number, Descriptor> = {
      1: this.#output,
      2: this.#output,
      [DESCRIPTOR.plan]: file,
      [DESCRIPTOR.status]: theirs!,
      [DESCRIPTOR.lifeline]: hold(read),
      ...fds,
    };
    this.#pid = spawn(
      "/usr/bin/unshare",
      [
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        ...program,
        "child",
        "word",
      ],
      Object.fromEntries(
        Object.entries(given).map(([there, { fd }]) => [there, fd]),
      ),
    );
    theirs!.close();
    read.close();
    this.#ended = waitInBackground(this.#pid);
  }

  /** Lets PID 1 read its handover. */
  release(): void {
    writeAll(this.#lifeline.fd, new Uint8Array(1));
  }

  /** Ends as a parent does. */
  leave(): void {
    this.#lifeline.close();
    this.status.close();
  }

  /** The next message; null after the end of PID 1. */
  message(): Promise<Message | null> {
    return receive(this.status.fd);
  }

  /** Everything written so far. */
  get output(): string {
    const bytes = new Uint8Array(1 << 21);
    return new TextDecoder().decode(
      bytes.subarray(0, readAt(this.#output.fd, bytes, 0)),
    );
  }

  /** Waits until the output contains a text. */
  async says(text: string): Promise<void> {
    await until(
      () => `it says ${text}: ${this.output}`,
      () => this.output.includes(text),
    );
  }

  /** The exit status, or 128+n. */
  async end(): Promise<number> {
    let ended = false;
    this.#ended.then(() => ended = true);
    await until(() => `PID 1 ends: ${this.output}`, () => ended);
    const status = await this.#ended;
    if (!status) throw new Error("Somebody else waited for it");
    return "exited" in status
      ? status.exited
      : "signaled" in status
      ? 128 + status.signaled
      : -1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { pid } of descendants(this.#pid)) kill(pid, SIGNAL.SIGKILL);
    await this.#ended;
    this.#held.dispose();
  }
}

/** Starts PID 1 with a handover, or with other bytes in its place. */
export async function started(
  dir: TempDir,
  given: Given | Uint8Array,
  fds: Readonly<Record<number, Descriptor>> = {},
): Promise<PidOne> {
  const program = await buildProgram(dir);
  const bytes = given instanceof Uint8Array ? given : handover(given);
  const one = await PidOne.start(program, bytes, fds);
  one.release();
  return one;
}

/** The phase, the index and the errno of a message about a failure. */
export function failureIn(message: Message | null) {
  assert(message && message.byte === NEWS.failed, "a message about a failure");
  assertEquals(message.bytes.length, FAILURE.size);
  const view = new DataView(message.bytes.buffer);
  return [
    view.getUint8(FAILURE.phase),
    view.getUint32(FAILURE.index, true),
    view.getInt32(FAILURE.error, true),
  ];
}
