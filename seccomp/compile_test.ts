// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { SpecError } from "../spec/errors.ts";
import type {
  SeccompAction,
  SeccompArg,
  SeccompProfile,
  SeccompRule,
} from "../spec/seccomp.ts";
import { INSTRUCTION_SIZE } from "./bpf.ts";
import { compileSeccomp, seccompFlags } from "./compile.ts";
import { simulate } from "./simulate.ts";
import { type CallArch, callNumber } from "./syscalls.ts";

const ERRNO: SeccompAction = "SCMP_ACT_ERRNO";
const ALLOW: SeccompAction = "SCMP_ACT_ALLOW";

const profile = (
  defaultAction: SeccompAction,
  syscalls: SeccompRule[],
  architectures: string[] = [],
): SeccompProfile => ({ defaultAction, syscalls, architectures });

/** "ALLOW", or "ERRNO 1". */
function answer(
  profile: SeccompProfile,
  call: string | number,
  args: (number | bigint)[] = [],
  { on = "x86_64", arch = on }: {
    on?: "x86_64" | "aarch64";
    arch?: CallArch | number;
  } = {},
): string {
  const nr = typeof call === "number"
    ? call
    : callNumber(call, arch as CallArch)!;
  const { action, data } = simulate(compileSeccomp(profile, on), {
    nr,
    arch,
    args,
  });
  return data ? `${action} ${data}` : action;
}

Deno.test("compileSeccomp() answers with every action", () => {
  const expected: [SeccompAction, string][] = [
    ["SCMP_ACT_KILL", "KILL_THREAD"],
    ["SCMP_ACT_KILL_THREAD", "KILL_THREAD"],
    ["SCMP_ACT_KILL_PROCESS", "KILL_PROCESS"],
    ["SCMP_ACT_TRAP", "TRAP"],
    ["SCMP_ACT_ERRNO", "ERRNO 1"],
    ["SCMP_ACT_TRACE", "TRACE 1"],
    ["SCMP_ACT_LOG", "LOG"],
    ["SCMP_ACT_ALLOW", "ALLOW"],
  ];
  for (const [action, text] of expected) {
    const rule = profile("SCMP_ACT_KILL_PROCESS", [{
      names: ["mkdir"],
      action,
    }]);
    assertEquals(answer(rule, "mkdir"), text);
    assertEquals(answer(rule, "rmdir"), "KILL_PROCESS");
    assertEquals(answer(profile(action, []), "mkdir"), text);
  }
});

Deno.test("compileSeccomp() carries the errno of a rule and of the default", () => {
  const both: SeccompProfile = {
    ...profile(ERRNO, [
      { names: ["mkdir"], action: ERRNO, errnoRet: 30 },
      { names: ["rmdir"], action: "SCMP_ACT_TRACE", errnoRet: 0xabcd },
    ]),
    defaultErrnoRet: 13,
  };
  assertEquals(answer(both, "mkdir"), "ERRNO 30");
  assertEquals(answer(both, "rmdir"), `TRACE ${0xabcd}`);
  assertEquals(answer(both, "link"), "ERRNO 13");
});

Deno.test("compileSeccomp() compares whole 64-bit arguments", () => {
  const words = [
    0n,
    1n,
    0xfffffffen,
    0xffffffffn,
    0x100000000n,
    0x100000001n,
    0x7fffffffffffffffn,
    0x8000000000000000n,
    0xffffffff00000000n,
    0xffffffffffffffffn,
  ];
  const holds: Record<string, (a: bigint, b: bigint) => boolean> = {
    SCMP_CMP_EQ: (a, b) => a === b,
    SCMP_CMP_NE: (a, b) => a !== b,
    SCMP_CMP_LT: (a, b) => a < b,
    SCMP_CMP_LE: (a, b) => a <= b,
    SCMP_CMP_GT: (a, b) => a > b,
    SCMP_CMP_GE: (a, b) => a >= b,
  };
  for (const [op, compare] of Object.entries(holds)) {
    for (const value of words) {
      const args = [{ index: 3, value, op } as SeccompArg];
      const rule = profile(ERRNO, [{ names: ["mmap"], action: ALLOW, args }]);
      for (const word of words) {
        assertEquals(
          answer(rule, "mmap", [5, 5, 5, word, 5, 5]),
          compare(word, value) ? "ALLOW" : "ERRNO 1",
          `${word} ${op} ${value}`,
        );
      }
    }
  }
});

Deno.test("compileSeccomp() masks before it compares", () => {
  const masked = (value: bigint | number, valueTwo: bigint | number) =>
    profile(ERRNO, [{
      names: ["clone"],
      action: ALLOW,
      args: [{ index: 0, op: "SCMP_CMP_MASKED_EQ", value, valueTwo }],
    }]);
  const namespaces = masked(0x7e020000, 0);
  assertEquals(answer(namespaces, "clone", [0x1200011]), "ALLOW");
  assertEquals(answer(namespaces, "clone", [0x10000000 | 17]), "ERRNO 1");
  assertEquals(answer(namespaces, "clone", [1n << 40n]), "ALLOW");
  const high = masked(0xff00000000n, 0x1200000000n);
  assertEquals(answer(high, "clone", [0x12_ffffffffn]), "ALLOW");
  assertEquals(answer(high, "clone", [0x13_ffffffffn]), "ERRNO 1");
  assertEquals(answer(masked(0, 7), "clone", [99]), "ALLOW");
  const whole = masked((1n << 64n) - 1n, 1n << 63n);
  assertEquals(answer(whole, "clone", [1n << 63n]), "ALLOW");
  assertEquals(answer(whole, "clone", [0]), "ERRNO 1");
});

Deno.test("compileSeccomp() requires all conditions of a rule, and any one of the rules", () => {
  const rules = profile(ERRNO, [
    {
      names: ["socket"],
      action: ALLOW,
      args: [
        { index: 0, value: 1, op: "SCMP_CMP_EQ" },
        { index: 1, value: 3, op: "SCMP_CMP_NE" },
        { index: 2, value: 9, op: "SCMP_CMP_LT" },
      ],
    },
    {
      names: ["socket"],
      action: ALLOW,
      args: [{ index: 0, value: 2, op: "SCMP_CMP_EQ" }],
    },
  ]);
  assertEquals(answer(rules, "socket", [1, 1, 0]), "ALLOW");
  assertEquals(answer(rules, "socket", [1, 3, 0]), "ERRNO 1");
  assertEquals(answer(rules, "socket", [1, 1, 9]), "ERRNO 1");
  assertEquals(answer(rules, "socket", [2, 3, 9]), "ALLOW");
  assertEquals(answer(rules, "socket", [3, 1, 0]), "ERRNO 1");
});

Deno.test("compileSeccomp() applies the strictest of several rules", () => {
  const args: SeccompArg[] = [{ index: 1, value: 5, op: "SCMP_CMP_EQ" }];
  const refuse: SeccompRule = { names: ["ioctl"], action: ERRNO, errnoRet: 2 };
  const allow: SeccompRule = { names: ["ioctl"], action: ALLOW };
  const kill = "SCMP_ACT_KILL_PROCESS";
  for (const order of [(rules: SeccompRule[]) => rules, reversed]) {
    const plain = profile(kill, order([allow, refuse]));
    assertEquals(answer(plain, "ioctl"), "ERRNO 2");
    const some = profile(kill, order([allow, { ...refuse, args }]));
    assertEquals(answer(some, "ioctl", [0, 5]), "ERRNO 2");
    assertEquals(answer(some, "ioctl", [0, 6]), "ALLOW");
    const none = profile(kill, order([{ ...allow, args }, refuse]));
    assertEquals(answer(none, "ioctl", [0, 5]), "ERRNO 2");
    const two = profile(kill, order([{ ...allow, args }, { ...refuse, args }]));
    assertEquals(answer(two, "ioctl", [0, 5]), "ERRNO 2");
    assertEquals(answer(two, "ioctl", [0, 6]), "KILL_PROCESS");
  }
});

const reversed = (rules: SeccompRule[]) => rules.toReversed();

Deno.test("compileSeccomp() answers ENOSYS to calls newer than the profile", () => {
  const old = profile(ERRNO, [{ names: ["read", "openat2"], action: ALLOW }]);
  const newest = callNumber("openat2", "x86_64")!;
  assertEquals(answer(old, newest), "ALLOW");
  assertEquals(answer(old, newest - 1), "ERRNO 1");
  assertEquals(answer(old, newest + 1), "ERRNO 38");
  assertEquals(answer(old, 9999), "ERRNO 38");
  assertEquals(answer(old, 400), "ERRNO 38", "a gap in the table");
  assertEquals(answer(old, "statx"), "ERRNO 1");
  assertEquals(answer(old, 0xffffffff), "ERRNO 38");
  const killing = profile("SCMP_ACT_KILL", old.syscalls);
  assertEquals(answer(killing, "clone3"), "KILL_THREAD");
  assertEquals(answer(killing, 9999), "ERRNO 38");
});

Deno.test("compileSeccomp() keeps a permissive default for unknown calls", () => {
  for (const action of [ALLOW, "SCMP_ACT_LOG", "SCMP_ACT_TRACE"] as const) {
    const open = profile(action, [{ names: ["mkdir"], action: ERRNO }]);
    assertEquals(answer(open, 9999), answer(open, "read"));
    assertEquals(answer(open, "mkdir"), "ERRNO 1");
  }
});

Deno.test("compileSeccomp() refuses the numbers of x32", () => {
  const open = profile(ALLOW, [], ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"]);
  assertEquals(answer(open, 0x3fffffff), "ALLOW");
  assertEquals(answer(open, 0x40000000), "ERRNO 38");
  assertEquals(answer(open, 0x40000000 | 1), "ERRNO 38");
});

Deno.test("compileSeccomp() kills a process that uses another architecture's numbers", () => {
  const open = profile(ALLOW, []);
  assertEquals(answer(open, 1, [], { arch: "x86" }), "KILL_PROCESS");
  assertEquals(answer(open, 1, [], { arch: 0xc0000015 }), "KILL_PROCESS");
  const on = "aarch64";
  assertEquals(answer(open, 1, [], { on, arch: "arm" }), "KILL_PROCESS");
  assertEquals(answer(open, 1, [], { on, arch: "x86_64" }), "KILL_PROCESS");
});

Deno.test("compileSeccomp() uses the 32-bit architecture's own numbers and argument size", () => {
  const rules: SeccompRule[] = [
    { names: ["waitpid", "set_tls"], action: ALLOW },
    {
      names: ["personality"],
      action: ALLOW,
      args: [{
        index: 0,
        value: 0xffffffffffffffffn,
        op: "SCMP_CMP_EQ",
      }],
    },
  ];
  const both = profile(ERRNO, rules, ["SCMP_ARCH_X86", "SCMP_ARCH_ARM"]);
  const x86 = { arch: "x86" } as const;
  assertEquals(answer(both, 7, [], x86), "ALLOW");
  assertEquals(answer(both, 7), "ERRNO 1", "poll, on x86_64");
  assertEquals(answer(both, "personality", [0xffffffff], x86), "ALLOW");
  assertEquals(answer(both, "personality", [0xffffffff]), "ERRNO 1");
  const arm = { on: "aarch64", arch: "arm" } as const;
  assertEquals(answer(both, 0xf0005, [], arm), "ALLOW");
  assertEquals(answer(both, 0xf0004, [], arm), "ERRNO 1");
});

Deno.test("compileSeccomp() accepts either name of a call with two names", () => {
  for (const name of ["sync_file_range2", "arm_sync_file_range"]) {
    const one = profile(ERRNO, [{ names: [name], action: ALLOW }], [
      "SCMP_ARCH_ARM",
    ]);
    const arm = { on: "aarch64", arch: "arm" } as const;
    assertEquals(answer(one, 341, [], arm), "ALLOW");
    assertEquals(answer(one, 340, [], arm), "ERRNO 1");
    assertEquals(answer(one, 342, [], arm), "ERRNO 1");
  }
});

Deno.test("compileSeccomp() ignores unknown names and those of other architectures", () => {
  const rules = profile(ERRNO, [{
    names: ["s390_pci_mmio_read", "no_such_call", "read"],
    action: ALLOW,
  }]);
  assertEquals(answer(rules, "read"), "ALLOW");
  assertEquals(answer(rules, "write"), "ERRNO 1");
});

/** Rules with many values, where no two neighbours can be joined. */
const manyRules = (count: number): SeccompRule[] =>
  Array.from({ length: count }, (_, value) => ({
    names: ["prctl"],
    action: ALLOW,
    args: [
      { index: value % 2, value: value * 3, op: "SCMP_CMP_EQ" },
      { index: 2 + value % 2, value, op: "SCMP_CMP_NE" },
    ],
  }));

Deno.test("compileSeccomp() makes jumps that are too far for one byte", () => {
  const rules = profile(ERRNO, [
    { names: ["read", "prctl_not", "openat"], action: ALLOW },
    ...manyRules(300),
  ], ["SCMP_ARCH_X86"]);
  const filter = compileSeccomp(rules, "x86_64");
  assertEquals(filter.length / INSTRUCTION_SIZE > 2000, true);
  for (const arch of ["x86_64", "x86"] as const) {
    assertEquals(answer(rules, "read", [], { arch }), "ALLOW");
    assertEquals(answer(rules, "openat", [], { arch }), "ALLOW");
    assertEquals(answer(rules, "mkdir", [], { arch }), "ERRNO 1");
    for (const value of [0, 1, 100, 299]) {
      const args = [0, 0, 1000, 1000];
      args[value % 2] = value * 3;
      assertEquals(answer(rules, "prctl", args, { arch }), "ALLOW");
    }
    assertEquals(answer(rules, "prctl", [5, 5], { arch }), "ERRNO 1");
  }
});

Deno.test("compileSeccomp() fails if the filter exceeds the kernel's limit", () => {
  assertThrows(
    () => compileSeccomp(profile(ERRNO, manyRules(1000)), "x86_64"),
    SpecError,
    "the kernel allows 4096",
  );
});

Deno.test("seccompFlags() joins the flags", () => {
  assertEquals(seccompFlags(profile(ALLOW, [])), 0);
  assertEquals(
    seccompFlags({
      ...profile(ALLOW, []),
      flags: [
        "SECCOMP_FILTER_FLAG_LOG",
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
      ],
    }),
    6,
  );
});
