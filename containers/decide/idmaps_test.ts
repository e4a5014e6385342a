// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../spec/errors.ts";
import { parseIdmap } from "./idmaps.ts";

const OWN = {
  uidMappings: [{ containerID: 0, hostID: 100000, size: 1000 }],
  gidMappings: [{ containerID: 0, hostID: 200000, size: 1000 }],
};

Deno.test("parseIdmap() reads ranges as crun and podman write them", () => {
  assertEquals(parseIdmap("uids=0-1-10#10-11-10;gids=0-100-10", null), {
    uidMappings: [
      { containerID: 0, hostID: 1, size: 10 },
      { containerID: 10, hostID: 11, size: 10 },
    ],
    gidMappings: [{ containerID: 0, hostID: 100, size: 10 }],
  });
});

Deno.test("parseIdmap() reads ids after @ as the container's", () => {
  assertEquals(parseIdmap("uids=@5-7-2;gids=@0-0-1", OWN), {
    uidMappings: [{ containerID: 5, hostID: 100007, size: 2 }],
    gidMappings: [{ containerID: 0, hostID: 200000, size: 1 }],
  });
});

Deno.test("parseIdmap() explains ranges that the kernel would refuse", () => {
  for (
    const [text, words] of [
      ["", "nothing is neither uids nor gids"],
      ["uids=0-1-1", "gids= is missing"],
      ["uids=0-1-0;gids=0-0-1", "0-1-0 is not a range"],
      ["uids=;gids=0-0-1", "an empty range is not a range"],
      ["uids=0-1;gids=0-0-1", "0-1 is not a range"],
      ["uids=0-1-2#5-2-1;gids=0-0-1", "the ranges of uids overlap"],
      ["uids=@0-999-2;gids=0-0-1", "does not have the IDs from 999 on"],
    ] as const
  ) {
    assertThrows(() => parseIdmap(text, OWN), UsageError, words);
  }
});
