// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { Assembler, BPF, decision, disassemble, RET } from "./bpf.ts";
import { compileSeccomp } from "./compile.ts";
import { simulate } from "./simulate.ts";

Deno.test("disassemble() shows a filter", () => {
  const filter = compileSeccomp({
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{
      names: ["io_setup"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: 38,
      args: [{
        index: 1,
        value: 0xff,
        valueTwo: 3,
        op: "SCMP_CMP_MASKED_EQ",
      }],
    }],
  }, "aarch64");
  assertEquals(
    disassemble(filter),
    `   0  load arch
   1  if == 0xc00000b7 goto 2 else 9
   2  load nr
   3  if >= 1 goto 8 else 4
   4  load args[1].low
   5  and 0xff
   6  if == 3 goto 7 else 8
   7  return ERRNO 38
   8  return ALLOW
   9  return KILL_PROCESS
`,
  );
});

Deno.test("Assembler bridges distances that are too far for a jump", () => {
  for (const count of [200, 255, 256, 600]) {
    const assembler = new Assembler();
    const far = assembler.load(0, assembler.ret(RET.ALLOW));
    let label = assembler.ret(RET.TRAP);
    for (let k = 0; k < count; k++) label = assembler.load(0, label);
    const start = assembler.jump(BPF.JEQ, 7, far, label);
    const filter = assembler.finish(assembler.load(0, start));
    assertEquals(simulate(filter, { nr: 7, arch: "x86_64" }).action, "ALLOW");
    assertEquals(simulate(filter, { nr: 8, arch: "x86_64" }).action, "TRAP");
  }
});

Deno.test("decision() reads a return value", () => {
  assertEquals(decision(0x0005000d), { action: "ERRNO", data: 13 });
  assertEquals(decision(0), { action: "KILL_THREAD", data: 0 });
  assertEquals(decision(0x12340000).action, "KILL_PROCESS");
});

Deno.test("simulate() fails on a filter that the kernel would refuse", () => {
  const nothing = { nr: 0, arch: "x86_64" } as const;
  assertThrows(() => simulate(new Uint8Array(), nothing), RangeError);
  const wrong = new Uint8Array(8).fill(0xff);
  assertThrows(() => simulate(wrong, nothing), RangeError, "instruction");
});
