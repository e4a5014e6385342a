/** Parses ids of the host from flags and from subuid(5). */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { SpecError, UsageError } from "../../spec/errors.ts";
import { madeUpWorld } from "../world/made_up.ts";
import {
  automaticIds,
  checkMaps,
  parseMapping,
  parseSubIds,
} from "./id_ranges.ts";

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
  ) assertThrows(() => parseMapping("--uidmap", text), UsageError);
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

/** The ranges of the user ada, whose own ids are 1000 and 1001. */
const idsOf = (subuid: string, subgid = "ada:100000:65536\n") =>
  automaticIds(
    { uid: 1000, gid: 1001, capable: false },
    madeUpWorld({
      files: {
        "/etc/passwd": "ada:x:1000:1001::/home/ada:/bin/sh\n",
        "/etc/subuid": subuid,
        "/etc/subgid": subgid,
        "/usr/bin/newuidmap": "",
      },
    }),
  );

Deno.test("automaticIds() maps the ranges of subuid and subgid", () => {
  assertEquals(idsOf("ada:200000:10\nbob:1:9\nada:300000:5\n"), {
    uids: [
      { containerID: 0, hostID: 1000, size: 1 },
      { containerID: 1, hostID: 200000, size: 10 },
      { containerID: 11, hostID: 300000, size: 5 },
    ],
    gids: [
      { containerID: 0, hostID: 1001, size: 1 },
      { containerID: 1, hostID: 100000, size: 65536 },
    ],
    helper: true,
  });
});

Deno.test("automaticIds() names ranges that the kernel would refuse, and the fix", () => {
  for (
    const [subuid, subgid, message, hint] of [
      [
        "ada:100000:65536\nada:150000:9\n",
        undefined,
        "gives to ada: the ranges 100000:65536 and 150000:9 overlap",
        "from /etc/subuid",
      ],
      [
        "ada:5:2\nada:5:2\n",
        undefined,
        "the ranges 5:2 and 5:2 overlap",
        "Remove one of them",
      ],
      [
        "ada:0:65536\n",
        undefined,
        "the range 0:65536 contains the user's own ID 1000",
        "sudo usermod --del-subuids 0-65535 ada",
      ],
      [
        "ada:100000:65536\n",
        "ada:1001:1\n",
        "/etc/subgid gives to ada: the range 1001:1 contains the user's own ID 1001",
        "sudo usermod --del-subgids 1001-1001 ada",
      ],
    ] as const
  ) {
    const error = assertThrows(() => idsOf(subuid, subgid), SpecError, message);
    assertStringIncludes(error.hint ?? "", hint);
  }
});

Deno.test("checkMaps() refuses ids that are mapped twice, inside or on the host", () => {
  const map = (containerID: number, hostID: number, size: number) => ({
    ...{ containerID, hostID, size },
  });
  checkMaps("--uidmap", [map(0, 1000, 1), map(1, 100000, 5)]);
  assertThrows(
    () => checkMaps("--uidmap", [map(0, 1000, 5), map(4, 100000, 5)]),
    UsageError,
    "--uidmap 4:100000:5: its IDs inside overlap with those of --uidmap 0:1000:5",
  );
  assertThrows(
    () => checkMaps("--gidmap", [map(0, 1000, 1), map(1, 1000, 1)]),
    UsageError,
    "its IDs on the host overlap",
  );
});
