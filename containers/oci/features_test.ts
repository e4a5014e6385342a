// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { compileSeccomp } from "../../seccomp/compile.ts";
import type { SeccompProfile } from "../../spec/seccomp.ts";
import { features } from "./features.ts";

Deno.test("features() names every mount option of plan/mounts/options.ts", () => {
  const { mountOptions } = features("0");
  const source = Deno.readTextFileSync(
    new URL("../../plan/mounts/options.ts", import.meta.url),
  );
  const tables = source.slice(0, source.indexOf("export interface"))
    .replaceAll(/Record<[^>]*>/g, "");
  const keys = tables.matchAll(/^ {2}"?([a-z]+)"?(: "MS_|,)/gm);
  const known = [...keys].map(([, option]) => option!);
  assert(known.length > 10);
  assertEquals(known.filter((word) => !mountOptions.includes(word)), []);
  for (
    const word of [
      "bind",
      "rbind",
      "rprivate",
      "unbindable",
      "rro",
      "tmpcopyup",
    ]
  ) {
    assert(mountOptions.includes(word), word);
  }
  for (const word of ["size", "mode", "rro2"]) {
    assert(!mountOptions.includes(word), word);
  }
});

Deno.test("features() names everything that the filter compiler supports", () => {
  const { actions, operators, archs } = features("0").linux.seccomp;
  for (const action of actions) {
    for (const op of operators) {
      const rule = {
        names: ["clone"],
        action,
        args: [{ index: 0, value: 1, valueTwo: 1, op }],
      };
      compileSeccomp(
        {
          defaultAction: "SCMP_ACT_ALLOW",
          architectures: archs,
          syscalls: [rule],
        } as SeccompProfile,
      );
    }
  }
  assert(actions.includes("SCMP_ACT_NOTIFY"));
});
