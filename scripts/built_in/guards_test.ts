/** What a plan that is compiled in advance was decided from has guards. */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { guardsOf } from "./guards.ts";
import { PLAIN_KIND } from "../../launch/plain_kinds.ts";
import { decidePlain, KINDS, UNIFIED } from "./usual_runs.ts";

const V1 = "12:pids:/\n11:memory:/\n1:name=systemd:/\n0::/\n";

Deno.test("guardsOf() has a guard or a reason for every read of plain runs", async () => {
  for (const cgroups of [UNIFIED, V1]) {
    for (const init of [true, false]) {
      for (const streams of ["null", "pipe", "file"] as const) {
        for (const kind of KINDS) {
          const run = { cgroups, init, kind, streams };
          const { guarded } = await decidePlain(run);
          const names = new Set(
            guardsOf(guarded).flat().map(({ name }) => name),
          );
          for (const name of ["capget", "openat2", "ownersLive"] as const) {
            assertEquals(names.has(name), true, name);
          }
          const isVolume = (kind & PLAIN_KIND.volume) !== 0;
          assertEquals(names.has("isOutside"), isVolume);
        }
      }
    }
  }
});

Deno.test("guardsOf() refuses a read that it does not know", async () => {
  const { guarded } = await decidePlain({ cgroups: UNIFIED, init: true });
  for (
    const read of [
      { kind: "hostname", of: [], answer: "host" },
      { kind: "readText", of: ["/proc/cmdline"], answer: "" },
      {
        kind: "in.readText",
        of: [guarded.places.root, "/etc/passwd"],
        answer: "",
      },
    ]
  ) {
    assertThrows(
      () => guardsOf({ ...guarded, reads: [...guarded.reads, read] }),
      RangeError,
      `A plain run reads ${read.kind}`,
    );
  }
});
