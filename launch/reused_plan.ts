/**
 * Plans that are carried out again, without Deno's runtime, when the same
 * command line is run again. This module packs one; launch/native/reuse.h looks
 * it up and carries it out like a plain run (launch/plain_run.ts). Pure.
 */

import { fromBase64 } from "../ffi/base64.ts";
import { toBytes } from "../ffi/text.ts";
import type { Plan } from "../plan/step.ts";
import type { EntryInstruction } from "./bytecode/call.ts";
import { encodeInstructions } from "./bytecode/encode.ts";
import { alignedLength, packed } from "./bytecode/packed.ts";
import { lower } from "./lower/lower.ts";
import { WALKER } from "./native/walker_code.ts";
import { CONDITIONS, PLAIN_SLOTS } from "./plain_kinds.ts";
import { aligned, partsOf } from "./plain_run.ts";

/** Numbers that both languages use. */
export const REUSED = {
  /** `PLANS` and the version of the format. */
  magic: 0x0001_0053_4e41_4c50n,
  /** The largest file. */
  most: 1 << 20,
  /** How many numbers identify the program. */
  program: 6,
  /** Of the two hashes that name a file (Fowler, Noll, Vo), and of the sum. */
  first: 0x811c9dc5,
  second: 0x9747b28c,
  factor: 0x01000193,
  otherFactor: 0x85ebca6b,
} as const;

export const REUSED_FLAG = {
  /** The command is not announced. */
  quiet: 1,
  /** setgroups(2) is denied before the ids are mapped. */
  deniesGroups: 2,
} as const;

/** What a plan is looked up by. */
export interface ReuseKey {
  /** What each standard stream is. */
  streams: readonly ("null" | "file" | "pipe" | "socket")[];
  /** Standard output and error are the same open file. */
  isShared: boolean;
  workingDirectory: string;
  /** The content of /proc/self/cgroup. */
  cgroups: string;
  /** The command line without the name of the program. */
  words: readonly string[];
}

/** The key as bytes, the same as write_key() in launch/native/reuse.h. */
export function keyOf(
  { streams, isShared, workingDirectory, cgroups, words }: ReuseKey,
): Uint8Array<ArrayBuffer> {
  const kinds = `${streams.map(([letter]) => letter).join("")}${
    isShared ? 1 : 0
  }`;
  return toBytes(
    [kinds, workingDirectory, cgroups, ...words].map((text) => `${text}\0`)
      .join(""),
  );
}

/** The name of the file with the plan for a key. */
export function fileNameOf(key: Uint8Array): string {
  const hash = (first: number, factor: number) =>
    key.reduce((sum, byte) => Math.imul(sum ^ byte, factor) >>> 0, first)
      .toString(16).padStart(8, "0");
  return hash(REUSED.first, REUSED.factor) +
    hash(REUSED.second, REUSED.otherFactor);
}

/** What a plan is packed from. */
export interface ReusedPlan {
  plan: Plan;
  /** Fail if something is not as the plan expects. */
  guards: readonly EntryInstruction[];
  key: Uint8Array;
  /** The file of this program; see is_of_program() in launch/native/reuse.h. */
  program: readonly bigint[];
  /** The command is not announced. */
  quiet: boolean;
  /** How many of the last words are the command. */
  words: number;
  /** Variables of the caller; null for one that is not set. */
  variables: Readonly<Record<string, string | null>>;
}

/** The id maps that the parent writes. */
const mapsOf = ({ host }: Plan) => host.find((step) => step.step === "mapIds");

const lines = (
  maps: readonly { containerID: number; hostID: number; size: number }[] = [],
) =>
  maps.map((map) => `${map.containerID} ${map.hostID} ${map.size}\n`).join("");

/**
 * Packs a plan.
 *
 * @returns null if it is too large
 */
export function packReused(
  { plan, guards, key, program, quiet, words, variables }: ReusedPlan,
  arch = Deno.build.arch,
): Uint8Array<ArrayBuffer> | null {
  const compiled = (instructions: readonly EntryInstruction[]) =>
    aligned(encodeInstructions(instructions, arch, PLAIN_SLOTS).bytes);
  const [launch = [], ...inside] = partsOf(plan);
  const parts = [
    compiled(guards),
    compiled(launch.flatMap((step) => lower(step))),
    ...inside.map((steps) =>
      plan.init
        ? compiled(steps.flatMap((step) => lower(step)))
        : new Uint8Array()
    ),
    aligned(fromBase64(WALKER[arch].code)),
  ];
  const whole = packed(
    [
      Number(!plan.init),
      ...parts.map(({ length }) => length),
      ...new Array(CONDITIONS).fill(0),
    ],
    parts,
  );
  const maps = mapsOf(plan);
  const texts = toBytes(
    [
      ...Object.entries(variables).map(([name, value]) =>
        value === null ? name : `${name}=${value}`
      ),
      "",
      lines(maps?.gids),
      lines(maps?.uids),
    ].map((text) => `${text}\0`).join(""),
  );
  const flags = (quiet ? REUSED_FLAG.quiet : 0) |
    (maps?.denySetgroups ? REUSED_FLAG.deniesGroups : 0);
  return file([...program, flags, words, key.length], [whole, key, texts]);
}

/** The head, and what follows it. */
function file(
  numbers: readonly (number | bigint)[],
  parts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> | null {
  const head = new BigUint64Array(3 + numbers.length);
  const size = alignedLength(
    parts.reduce((sum, { length }) => sum + length, head.byteLength),
  );
  if (size > REUSED.most) return null;
  head.set([REUSED.magic, size, 0, ...numbers].map(BigInt));
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of [new Uint8Array(head.buffer), ...parts]) {
    bytes.set(part, at);
    at += part.length;
  }
  new DataView(bytes.buffer).setBigUint64(16, sumOf(bytes.subarray(24)), true);
  return bytes;
}

/** See sum_of() in launch/native/reuse.h. */
function sumOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  const words = new Uint32Array(
    bytes.buffer,
    bytes.byteOffset,
    bytes.length >> 2,
  );
  let sum: number = REUSED.first;
  for (const word of words) sum = Math.imul(sum ^ word, REUSED.factor) >>> 0;
  return BigInt(sum);
}
