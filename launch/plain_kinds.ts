/**
 * The kinds of plain runs (launch/plain_run.ts). Their plans differ in some
 * steps, and become one program in which these steps have conditions. Pure.
 */

import type { Plan } from "../plan/step.ts";
import type {
  Argument,
  EntryInstruction,
  Instruction,
} from "./bytecode/call.ts";

/** The most conditions of steps in one plan. */
export const CONDITIONS = 24;

/** The first slots; those of further candidates follow. */
export const PLAIN_SLOTS = [
  "root",
  "workdir",
  "volumeSource",
  "volumeTarget",
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
  ...Array.from({ length: CONDITIONS }, (_, index) => conditionSlot(index)),
  "candidate",
] as const;

/** The slot of a condition; it is 1 if the steps are part of the plan. */
function conditionSlot(index: number) {
  return index ? `condition${index}` : "condition";
}

/**
 * The flags that change the plan, as bits: --read-only, --workdir, --volume and
 * its option ro. A kind is a set of them.
 */
export const PLAIN_KIND = {
  readOnly: 1,
  directory: 2,
  volume: 4,
  readOnlyVolume: 8,
} as const;

/** Paths that are known when the plan is used. */
export type Place = "root" | "workdir" | "volumeSource" | "volumeTarget";

/** A placeholder for each in the plans. */
export type Places = Readonly<Record<Place, string>>;

/** What a plain run of one kind is compiled from. */
export interface PlainKind {
  kind: number;
  plan: Plan;
  /** Each group fails if something is not as the plan expects. */
  guards: readonly (readonly EntryInstruction[])[];
}

/** Whether a slot has a value before the plan is carried out. */
const isGiven = (slot?: string) =>
  slot !== "pid" && PLAIN_SLOTS.some((name) => name === slot);

/** Replaces words that are not known yet with slots. */
function withoutWords<I extends EntryInstruction>(
  instruction: I,
  places: Places,
): I {
  if (instruction.name === "fail") return instruction;
  if ("result" in instruction && isGiven(instruction.result)) {
    throw new RangeError(`${instruction.name} overwrites a word`);
  }
  const given: readonly Argument[] = instruction.args;
  const args = given.map((argument): Argument => {
    for (const [slot, place] of Object.entries(places)) {
      if (argument === place) return { slot };
      // A path below a place would need a slot of its own.
      if (JSON.stringify(argument, withoutBigint)?.includes(place)) {
        throw new RangeError(`${instruction.name} has ${place} in an argument`);
      }
    }
    return argument;
  });
  return { ...instruction, args };
}

const withoutBigint = (_: string, value: unknown) =>
  typeof value === "bigint" ? String(value) : value;

const YES = new Uint8Array(new BigUint64Array([1n]).buffer);

/** Skips the next instructions if a slot is not 1. */
export const where = (slot: string, count: number): Instruction => ({
  name: "compare",
  args: [{ addressOf: slot }, YES, YES.length],
  otherwise: "EINVAL",
  expect: ["EINVAL"],
  skipOnExpected: count,
});

/** A part of a plan, and the kinds of run that have it. */
interface Shared {
  key: string;
  instructions: readonly EntryInstruction[];
  kinds: readonly number[];
}

/** Instructions that were lowered at different times may still be the same. */
const keyOf = (instructions: readonly EntryInstruction[]) =>
  JSON.stringify(
    instructions,
    (_, value) =>
      value instanceof Uint8Array
        ? value.toHex()
        : typeof value === "bigint"
        ? `${value}n`
        : value,
  );

/** Merges the parts of another kind into those of the others, in order. */
function merged(known: readonly Shared[], added: readonly Shared[]): Shared[] {
  const [rows, columns] = [known.length, added.length];
  /** The length of the longest common sequence from here on. */
  const common = Array.from(
    { length: rows + 1 },
    () => new Uint16Array(columns + 1),
  );
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      common[row]![column] = known[row]!.key === added[column]!.key
        ? common[row + 1]![column + 1]! + 1
        : Math.max(common[row + 1]![column]!, common[row]![column + 1]!);
    }
  }
  const all: Shared[] = [];
  let [row, column] = [0, 0];
  while (row < rows || column < columns) {
    const [one, other] = [known[row], added[column]];
    if (one && one.key === other?.key) {
      all.push({ ...one, kinds: [...one.kinds, ...other.kinds] });
      row++;
      column++;
    } else if (
      one && (!other || common[row + 1]![column]! >= common[row]![column + 1]!)
    ) {
      all.push(one);
      row++;
    } else {
      all.push(other!);
      column++;
    }
  }
  return all;
}

/** The programs of a plain run for all kinds, with conditions. */
export class PlainPrograms {
  /** For each condition the kinds that it includes, as bits. */
  readonly conditions: bigint[] = [];
  constructor(
    private readonly run: { kinds: readonly PlainKind[]; places: Places },
  ) {}

  /**
   * Merges the parts that each kind needs to one program.
   *
   * @throws {RangeError} for an argument that contains a word, or if there are
   * too many conditions
   */
  merge(
    partsOf: (kind: PlainKind) => readonly (readonly EntryInstruction[])[],
  ): EntryInstruction[] {
    const { kinds, places } = this.run;
    const all = kinds.map((kind) =>
      partsOf(kind).map((part): Shared => {
        const instructions = part.map((one) => withoutWords(one, places));
        return {
          key: keyOf(instructions),
          instructions,
          kinds: [kind.kind],
        };
      })
    ).reduce(merged);
    return all.flatMap(({ instructions, kinds }) => [
      ...kinds.length === this.run.kinds.length
        ? []
        : [where(this.#condition(kinds), instructions.length)],
      ...instructions,
    ]);
  }

  #condition(kinds: readonly number[]): string {
    const bits = kinds.reduce((set, kind) => set | 1n << BigInt(kind), 0n);
    let index = this.conditions.indexOf(bits);
    if (index < 0) index = this.conditions.push(bits) - 1;
    if (index >= CONDITIONS) {
      throw new RangeError(
        `A plain run has more than ${CONDITIONS} conditions`,
      );
    }
    return conditionSlot(index);
  }
}
