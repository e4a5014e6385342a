// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import type { CgroupStep } from "../step.ts";
import { annotatedProperties, unitProperties } from "./unit_properties.ts";

const write = (path: string, value: string, instead?: string): CgroupStep => ({
  ...{ step: "writeHostFile", path, value, undo: "kernel", why: "", man: "" },
  ...(instead ? { instead: { path: instead, value: "default 40" } } : {}),
});

Deno.test("unitProperties() gives the unit the weights of the container", () => {
  assertEquals(
    unitProperties([
      { step: "makeDirectory", path: "/c", undo: [], why: "", man: "" },
      write("/c/cpu.weight", "79"),
      write("/c/io.bfq.weight", "50", "/c/io.weight"),
      write("/c/memory.max", "100"),
      write("/c/memory.low", "max"),
      write("/c/pids.max", "7"),
      write("/c/cpu.max", "1 2"),
    ]),
    [
      ["CPUWeight", { type: "t", value: "79" }],
      ["IOWeight", { type: "t", value: "40" }],
      ["MemoryLow", { type: "t", value: "18446744073709551615" }],
      ["TasksMax", { type: "t", value: "18446744073709551615" }],
    ],
  );
});

Deno.test("annotatedProperties() reads the text form of GVariant", () => {
  const of = (name: string, value: string) =>
    annotatedProperties({ [`org.systemd.property.${name}`]: value });
  assertEquals(of("CollectMode", "'inactive'"), [
    ["CollectMode", { type: "s", value: "inactive" }],
  ]);
  assertEquals(of("TimeoutStopUSec", "uint64 5"), [
    ["TimeoutStopUSec", { type: "t", value: "5" }],
  ]);
  assertEquals(of("TimeoutStopSec", "3"), [
    ["TimeoutStopUSec", { type: "t", value: "3000000" }],
  ]);
  assertEquals(of("SendSIGHUP", "true"), [
    ["SendSIGHUP", { type: "b", value: true }],
  ]);
  assertEquals(annotatedProperties({ "org.other": "x" }), []);
  assertThrows(() => of("After", "['a']"), RangeError, "After: expected");
  assertThrows(() => of("x", "1"), RangeError, "is not a systemd property");
});
