/** Parses ids of the host from flags and from subuid(5). */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { SpecError } from "../../spec/errors.ts";
import { parseMapping, parseSubIds } from "./id_ranges.ts";

Deno.test("parseMapping() refuses ids that the kernel would take for another id", () => {
  assertEquals(parseMapping("--uidmap", "0:100000:65536"), {
    containerID: 0,
    hostID: 100000,
    size: 65536,
  });
  assertEquals(parseMapping("--uidmap", "0:0:4294967295").size, 4294967295);
  for (
    const text of [
      ...["0:4294967296:1", "4294967296:0:1", "0:4294967295:1"],
      ...["0:1:4294967295", "0:5:0", "0:99999999999999999999:1"],
    ]
  ) assertThrows(() => parseMapping("--uidmap", text), SpecError);
});

Deno.test("parseSubIds() skips lines that are not ranges of ids", () => {
  const ranges = [
    "app:100000:65536",
    "app:4294967296:10",
    "app:4294967290:10",
    "app:5:0",
    "app:x:10",
    "1000:7:8",
    "other:1:1",
  ].join("\n");
  assertEquals(parseSubIds(ranges, { name: "app", id: 1000 }), [
    { start: 100000, size: 65536 },
    { start: 7, size: 8 },
  ]);
});
