// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { makeElf } from "./_elf_fixture.ts";
import { inspectElf, machineName } from "./elf.ts";

Deno.test("inspectElf() reads a static executable", () => {
  assertEquals(inspectElf(makeElf()), {
    machine: 62,
    is64: true,
    littleEndian: true,
    interpreter: null,
    dynamic: false,
  });
});

Deno.test("inspectElf() reads both classes and both byte orders", () => {
  for (const is64 of [true, false]) {
    for (const littleEndian of [true, false]) {
      const elf = inspectElf(makeElf({
        machine: 20,
        is64,
        littleEndian,
        interpreter: "/lib/ld.so.1",
      }));
      assertEquals(elf, {
        machine: 20,
        is64,
        littleEndian,
        interpreter: "/lib/ld.so.1",
        dynamic: true,
      });
    }
  }
});

Deno.test("inspectElf() distinguishes a static-pie from a program that uses libraries", () => {
  const tags = (dynamicTags: number[]) => inspectElf(makeElf({ dynamicTags }));
  assertEquals(tags([5, 6, 0, 1])?.dynamic, false);
  assertEquals(tags([5, 1, 0])?.dynamic, true);
});

Deno.test("inspectElf() reads a program of this machine", () => {
  const elf = inspectElf(Deno.readFileSync(Deno.execPath()));
  assertEquals(machineName(elf?.machine ?? 0), Deno.build.arch);
  assertEquals(elf?.is64, true);
});

Deno.test("inspectElf() returns null for a file that is not executable code", () => {
  assertEquals(inspectElf(new Uint8Array()), null);
  assertEquals(inspectElf(new TextEncoder().encode("#!/bin/sh\n")), null);
  const elf = makeElf();
  assertEquals(inspectElf(elf.subarray(0, 60)), null);
  // The program headers are cut off.
  assertEquals(inspectElf(elf.subarray(0, 100)), null);
  const object = makeElf();
  object[16] = 1;
  assertEquals(inspectElf(object), null);
  const absurd = makeElf();
  absurd.fill(0xff, 32, 40);
  assertEquals(inspectElf(absurd), null);
});

Deno.test("inspectElf() survives every truncation and single bad byte", () => {
  const elf = makeElf({ interpreter: "/lib/ld.so", dynamicTags: [1, 0] });
  for (let end = 0; end < elf.length; end += 7) {
    inspectElf(elf.subarray(0, end));
  }
  for (let at = 0; at < 256; at++) {
    const bad = elf.slice();
    bad[at] = 0xff;
    inspectElf(bad);
  }
});

Deno.test("machineName() names machines as Deno does", () => {
  assertEquals(machineName(62), "x86_64");
  assertEquals(machineName(183), "aarch64");
  assertEquals(machineName(9999), "ELF machine 9999");
});
