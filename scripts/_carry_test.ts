// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { CARRIED, TRAILER } from "../containers/run/carried.ts";
import { placeToAdd, withFiles } from "./_carry.ts";

/** A runtime, followed by the part that `deno compile` appends. */
function program(runtime: number, added: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(runtime + added + TRAILER.size);
  bytes.fill(1, 0, runtime).fill(2, runtime);
  const trailer = new DataView(bytes.buffer, bytes.length - TRAILER.size);
  trailer.setUint32(0, TRAILER.mark, true);
  trailer.setBigUint64(TRAILER.length, BigInt(added + TRAILER.size), true);
  return bytes;
}

Deno.test("withFiles() puts files between the runtime and the added data", () => {
  const before = program(100, 50);
  const one = new Uint8Array([7, 7, 7]);
  const made = withFiles(
    before,
    new Map([["one", one], ["none", one.slice(3)]]),
  );
  if (typeof made === "string") throw new TypeError(made);
  assertEquals(made.subarray(0, 100), before.subarray(0, 100));
  assertEquals(made.subarray(100, 103), one);
  assertEquals(made.subarray(-66), before.subarray(-66));
  const end = placeToAdd(made)!;
  assertEquals(end, made.length - 66);
  const mark = new DataView(made.buffer, end - CARRIED.size);
  assertEquals(mark.getUint32(0, true), CARRIED.mark);
  const length = Number(mark.getBigUint64(CARRIED.length, true));
  const text = made.subarray(103, 103 + length);
  assertEquals(JSON.parse(new TextDecoder().decode(text)), {
    one: [100, 3],
    none: [103, 0],
  });
});

Deno.test("withFiles() explains why a program with another end is refused", () => {
  const other = program(100, 50).fill(0, 150);
  const made = withFiles(other, new Map());
  assertStringIncludes(String(made), "does not end as expected");
  assertEquals(placeToAdd(new Uint8Array(TRAILER.size)), null);
});
