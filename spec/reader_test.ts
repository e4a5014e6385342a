// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import {
  boolean,
  FAULTY,
  list,
  Notes,
  object,
  otherwise,
  Place,
  record,
  required,
  shown,
  string,
} from "./reader.ts";
import { int64, integer, uint64, word64 } from "./reader_numbers.ts";

interface Sample {
  name: string;
  on?: boolean;
}

// Never called: the compiler does the test.
function _tablesFollowTheirTypes(): void {
  object<Sample>({ name: required(string), on: boolean });
  object<Sample>({ name: otherwise(string, () => ""), on: required(boolean) });
  // @ts-expect-error: a member without a row
  object<Sample>({ name: required(string) });
  // @ts-expect-error: a row without a member
  object<Sample>({ name: required(string), on: boolean, off: boolean });
  // @ts-expect-error: a required member with the row of an optional one
  object<Sample>({ name: string, on: boolean });
  // @ts-expect-error: a row of another type
  object<Sample>({ name: required(string), on: string });
}

Deno.test("Place.path quotes a name that is not plain", () => {
  const top = new Place(new Notes());
  assertEquals(top.path, "");
  assertEquals(top.at("a").at(0).at("b").path, "a[0].b");
  assertEquals(top.at("x.y").at("").path, '["x.y"][""]');
  assertEquals(top.at("\x1b\u202e").path, '["\\u001b\\u{202e}"]');
});

Deno.test("shown() returns one short line without control characters", () => {
  assertEquals(shown("x".repeat(1e6)).length, 60);
  assertEquals(shown("a\n\x9b\u2028"), '"a\\n\\u{9b}\\u{2028}"');
  assertEquals([null, [], {}, 1n, 1e400, -0, true].map(shown), [
    "null",
    "an array",
    "an object",
    "1",
    "Infinity",
    "0",
    "true",
  ]);
});

Deno.test("object() notes a fault and reads on", () => {
  const notes = new Notes();
  const read = object<Sample>({ name: required(string), on: boolean });
  assertEquals(read({ on: 1, more: 2 }, new Place(notes)) as unknown, {});
  assertEquals(notes.faults, [
    { path: "name", problem: "missing" },
    { path: "on", problem: "expected true or false, found 1" },
  ]);
  assertEquals(notes.unknown, ["more"]);
});

Deno.test("list() keeps the indices of items that are not faulty", () => {
  const notes = new Notes();
  const read = list(string);
  assertEquals<unknown>(read(["a", 1, "b"], new Place(notes)), [
    "a",
    undefined,
    "b",
  ]);
  assertEquals(notes.faults.map(({ path }) => path), ["[1]"]);
});

Deno.test("record() makes a member called __proto__, not a prototype", () => {
  const made = record(string)(
    JSON.parse('{"__proto__":"x"}'),
    new Place(new Notes()),
  );
  assertEquals(Object.keys(made as object), ["__proto__"]);
  assertEquals(Object.getPrototypeOf(made), Object.prototype);
});

Deno.test("Notes keeps a hundred notes of a kind and counts all faults", () => {
  const notes = new Notes();
  const place = new Place(notes);
  for (let n = 0; n < 250; n++) {
    place.at(n).fault("wrong");
    place.at(n).warn("odd");
    place.at(n).ignored();
  }
  assertEquals(
    [notes.faults, notes.warnings, notes.unknown].map(({ length }) => length),
    [100, 100, 100],
  );
  assertEquals(notes.faultCount, 250);
});

Deno.test("integer readers check their ranges exactly", () => {
  const most = Number.MAX_SAFE_INTEGER;
  const read = (reader: typeof word64, value: unknown) =>
    reader(value, new Place(new Notes()));
  assertEquals(read(integer(-1, 1), -1), -1);
  assertEquals(read(integer(-1, 1), 2), FAULTY);
  assertEquals(Object.is(read(integer(0, 1), -0), 0), true);
  assertEquals(read(int64, (1n << 63n) - 1n), most);
  assertEquals(read(int64, -(1n << 63n)), -most);
  assertEquals(read(int64, 1n << 63n), FAULTY);
  assertEquals(read(uint64, (1n << 64n) - 1n), most);
  assertEquals(read(uint64, -1), FAULTY);
  assertEquals(read(word64, (1n << 64n) - 1n), (1n << 64n) - 1n);
  assertEquals(read(word64, 5n), 5);
  assertEquals(read(word64, 1n << 64n), FAULTY);
  for (const value of ["1", null, NaN, Infinity, 0.5, true, [], {}]) {
    assertEquals(read(word64, value), FAULTY);
  }
});
