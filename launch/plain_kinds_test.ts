/** The plans of plain runs that differ in some steps become one. */
// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import type { EntryInstruction } from "./bytecode/call.ts";
import { CONDITIONS, type PlainKind, PlainPrograms } from "./plain_kinds.ts";

const PLACES = {
  root: "/the-root",
  workdir: "/the-workdir",
  volumeSource: "/the-source",
  volumeTarget: "/the-target",
};

const chdir = (path: string): EntryInstruction[] => [
  { name: "chdir", args: [path] },
];

/** A kind whose guards change to these directories. */
const kind = (number: number, paths: readonly string[]) => ({
  kind: number,
  guards: paths.map(chdir),
} as unknown as PlainKind);

/** The directories that a kind changes to in a merged program. */
function pathsOf(
  program: readonly EntryInstruction[],
  conditions: readonly bigint[],
  number: number,
): unknown[] {
  const paths = [];
  for (let at = 0; at < program.length; at++) {
    const instruction = program[at]!;
    if (instruction.name !== "compare") {
      paths.push(...(instruction as { args: unknown[] }).args);
      continue;
    }
    const [{ addressOf: slot }] = instruction.args as unknown as [
      { addressOf: string },
    ];
    const index = Number(slot.slice("condition".length) || 0);
    if (!(conditions[index]! >> BigInt(number) & 1n)) {
      at += instruction.skipOnExpected!;
    }
  }
  return paths;
}

Deno.test("PlainPrograms give each kind its own steps, in order", () => {
  const steps = [
    ["/a", "/b", "/c"],
    ["/a", "/new", "/b", "/c"],
    ["/a", "/other", "/c"],
    ["/a", "/new", "/other", "/c", "/last"],
    ["/b"],
    [],
  ];
  const programs = new PlainPrograms({
    kinds: steps.map((paths, number) => kind(number, paths)),
    places: PLACES,
  });
  const program = programs.merge(({ guards }) => guards);
  steps.forEach((paths, number) =>
    assertEquals(pathsOf(program, programs.conditions, number), paths)
  );
  const paths = program.filter(({ name }) => name === "chdir").length;
  assertEquals(paths, new Set(steps.flat()).size, "no step is there twice");
});

Deno.test("PlainPrograms replace words that are not known yet", () => {
  const kinds = [kind(0, ["/the-root"]), kind(1, ["/the-workdir"])];
  const programs = new PlainPrograms({ kinds, places: PLACES });
  const program = programs.merge(({ guards }) => guards);
  assertEquals(pathsOf(program, programs.conditions, 1), [{ slot: "workdir" }]);
  const merge = (paths: string[], result?: string) =>
    new PlainPrograms({
      kinds: [{
        ...kind(0, []),
        guards: paths.map((path) => [{ name: "chdir", args: [path], result }]),
      }],
      places: PLACES,
    }).merge(({ guards }) => guards);
  assertThrows(() => merge(["/the-root/etc"]), RangeError, "/the-root");
  assertThrows(() => merge(["/"], "workdir"), RangeError, "overwrites a word");
});

Deno.test("PlainPrograms refuse more conditions than there are slots", () => {
  const kinds = Array.from(
    { length: CONDITIONS + 1 },
    (_, number) => kind(number, [`/${number}`]),
  );
  const programs = new PlainPrograms({ kinds, places: PLACES });
  assertThrows(
    () => programs.merge(({ guards }) => guards),
    RangeError,
    "conditions",
  );
});
