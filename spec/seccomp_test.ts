// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { SpecError } from "./errors.ts";
import { parseSeccomp, parseSeccompText, type SeccompHost } from "./seccomp.ts";

const HOST: SeccompHost = { caps: [], arch: "x86_64", kernel: [6, 1] };
const ALLOW = "SCMP_ACT_ALLOW";

/** The rules that a profile with these rules has on a host. */
const rulesOf = (syscalls: unknown[], host: Partial<SeccompHost> = {}) =>
  parseSeccomp(
    { defaultAction: "SCMP_ACT_ERRNO", syscalls },
    { ...HOST, ...host },
  ).syscalls;

/** A valid profile, for tests that change one part of it. */
const base = () => ({
  defaultAction: "SCMP_ACT_ERRNO",
  syscalls: [{
    names: ["clone"],
    action: ALLOW,
    args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }],
  }],
});

Deno.test("parseSeccomp() returns OCI's form unchanged", () => {
  const profile = {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [
      { names: ["read", "write"], action: ALLOW },
      { names: ["mkdir"], action: "SCMP_ACT_TRACE", errnoRet: 0xffff },
      {
        names: ["clone"],
        action: ALLOW,
        args: [
          { index: 0, value: 2, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" },
          { index: 5, value: 1, op: "SCMP_CMP_NE" },
        ],
      },
    ],
  };
  assertEquals<unknown>(parseSeccomp(profile, HOST), profile);
  assertEquals(
    parseSeccomp({ ...profile, listenerPath: "/run/x.sock" }, HOST).syscalls,
    parseSeccomp(profile, HOST).syscalls,
  );
});

Deno.test("parseSeccomp() takes null as absent", () => {
  assertEquals<unknown>(
    parseSeccomp({
      defaultAction: ALLOW,
      architectures: null,
      syscalls: [{ names: ["read"], action: ALLOW, args: null, includes: {} }],
    }, HOST),
    {
      defaultAction: ALLOW,
      syscalls: [{ names: ["read"], action: ALLOW }],
    },
  );
  assertEquals(parseSeccomp({ defaultAction: ALLOW }, HOST).syscalls, []);
});

Deno.test("parseSeccomp() picks this machine's entry from docker's archMap", () => {
  const archMap = [
    {
      architecture: "SCMP_ARCH_X86_64",
      subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    },
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
    { architecture: "SCMP_ARCH_RISCV64", subArchitectures: null },
  ];
  const on = (arch: SeccompHost["arch"]) =>
    parseSeccomp({ defaultAction: ALLOW, archMap }, { ...HOST, arch })
      .architectures;
  assertEquals(on("x86_64"), [
    "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X32",
  ]);
  assertEquals(on("aarch64"), ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
});

Deno.test("parseSeccomp() reads docker's older form with a single name", () => {
  assertEquals(
    rulesOf([{ name: "read", action: ALLOW, comment: "needed" }]),
    [{ names: ["read"], action: ALLOW }],
  );
});

Deno.test("parseSeccomp() evaluates docker's conditions", () => {
  const isIn = (condition: object, host: Partial<SeccompHost> = {}) =>
    rulesOf([{ names: ["x"], action: ALLOW, ...condition }], host).length === 1;
  const caps = ["CAP_SYS_ADMIN", "CAP_BPF"];
  assertEquals(isIn({ includes: { caps } }), false);
  assertEquals(isIn({ includes: { caps } }, { caps: ["CAP_BPF"] }), false);
  assertEquals(isIn({ includes: { caps } }, { caps }), true);
  assertEquals(isIn({ excludes: { caps } }), true);
  assertEquals(isIn({ excludes: { caps } }, { caps: ["CAP_BPF"] }), false);
  const arm = { arches: ["arm", "arm64"] };
  assertEquals(isIn({ includes: arm }), false);
  assertEquals(isIn({ includes: arm }, { arch: "aarch64" }), true);
  assertEquals(isIn({ excludes: { arches: ["amd64"] } }), false);
  assertEquals(isIn({ excludes: arm }), true);
  const since = { includes: { minKernel: "4.8" } };
  assertEquals(isIn(since, { kernel: [4, 7] }), false);
  assertEquals(isIn(since, { kernel: [4, 8] }), true);
  assertEquals(isIn(since, { kernel: [4, 18] }), true);
  assertEquals(isIn(since, { kernel: [5, 0] }), true);
  assertEquals(isIn({ excludes: { minKernel: "4.8" } }), false);
});

Deno.test("parseSeccomp() takes two conditions on one argument as alternatives", () => {
  const first = { index: 0, value: 1, op: "SCMP_CMP_EQ" };
  const second = { index: 0, value: 2, op: "SCMP_CMP_EQ" };
  const other = { index: 1, value: 3, op: "SCMP_CMP_EQ" };
  const rules = (args: unknown[]) =>
    rulesOf([{ names: ["socket"], action: ALLOW, args }]);
  assertEquals(rules([first, other]).length, 1);
  assertEquals<unknown>(
    rules([first, second, other]).map(({ args }) => args),
    [[first], [second], [other]],
  );
});

Deno.test("parseSeccomp() names the place and the problem", () => {
  type Base = ReturnType<typeof base>;
  const wrong: [string, (profile: Base) => unknown][] = [
    ["the top level: expected an object", () => []],
    ["defaultAction: missing", () => ({})],
    ['defaultAction: unknown value "ALLOW"', (p) => {
      p.defaultAction = "ALLOW";
    }],
    ["SCMP_ACT_NOTIFY needs an agent", (p) => {
      p.defaultAction = "SCMP_ACT_NOTIFY";
    }],
    ["defaultActoin: unknown property", (p) => ({ ...p, defaultActoin: 1 })],
    ["syscalls: expected an array", (p) => ({ ...p, syscalls: {} })],
    ["syscalls[0]: expected an object", (p) => ({ ...p, syscalls: ["read"] })],
    ["syscalls[0].names: expected the name", (p) => {
      p.syscalls[0]!.names = [];
    }],
    ["syscalls[0].names[1]: expected a name", (p) => {
      p.syscalls[0]!.names = ["read", ""];
    }],
    ["syscalls[0].name: cannot be used together with names", (p) => ({
      ...p,
      syscalls: [{ ...p.syscalls[0], name: "read" }],
    })],
    ["syscalls[0].action: missing", (p) => ({
      ...p,
      syscalls: [{ names: ["read"] }],
    })],
    ["syscalls[0].arg: unknown property", (p) => ({
      ...p,
      syscalls: [{ ...p.syscalls[0], arg: [] }],
    })],
    ["syscalls[0].errnoRet: SCMP_ACT_ALLOW does not take an errno", (p) => ({
      ...p,
      syscalls: [{ ...p.syscalls[0], errnoRet: 1 }],
    })],
    ["defaultErrnoRet: expected a number from 0 to 4095", (p) => ({
      ...p,
      defaultErrnoRet: 4096,
    })],
    ["defaultErrnoRet: missing, but", (p) => ({
      ...p,
      defaultErrno: "EPERM",
    })],
    ['syscalls[0].args[0].op: unknown value "EQ"', (p) => {
      p.syscalls[0]!.args[0]!.op = "EQ";
    }],
    ["syscalls[0].args[0].index: expected a number from 0 to 5", (p) => {
      p.syscalls[0]!.args[0]!.index = 6;
    }],
    ["syscalls[0].args[0].value: expected a whole number", (p) => {
      p.syscalls[0]!.args[0]!.value = -1;
    }],
    ["syscalls[0].args[0].value: expected a whole number", (p) => {
      p.syscalls[0]!.args[0]!.value = 2 ** 60;
    }],
    ["syscalls[0].includes.minKernel: expected a version", (p) => ({
      ...p,
      syscalls: [{ ...p.syscalls[0], includes: { minKernel: "4.8.1" } }],
    })],
    ["syscalls[0].excludes.cap: unknown property", (p) => ({
      ...p,
      syscalls: [{ ...p.syscalls[0], excludes: { cap: [] } }],
    })],
    ['architectures[0]: unknown value "x86"', (p) => ({
      ...p,
      architectures: ["x86"],
    })],
    ["archMap: cannot be used together with architectures", (p) => ({
      ...p,
      architectures: ["SCMP_ARCH_X86"],
      archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: [] }],
    })],
    ['flags[0]: unknown value "LOG"', (p) => ({ ...p, flags: ["LOG"] })],
  ];
  for (const [message, change] of wrong) {
    const profile = base();
    const changed = change(profile) ?? profile;
    assertThrows(() => parseSeccomp(changed, HOST), SpecError, message);
  }
});

Deno.test("parseSeccomp() also checks rules that do not apply", () => {
  const rule = {
    names: ["x"],
    action: "NO",
    includes: { caps: ["CAP_BPF"] },
  };
  assertThrows(() => rulesOf([rule]), SpecError, "syscalls[0].action");
});

Deno.test("parseSeccomp() ignores unknown properties if OCI requires it", () => {
  const profile = { ...base(), vendor: { x: 1 } };
  assertEquals(
    parseSeccomp(profile, HOST, { unknownProperties: "ignore" }).syscalls
      .length,
    1,
  );
});

Deno.test("parseSeccompText() keeps all digits of large numbers", () => {
  const text = JSON.stringify(base()).replace(
    '"value":1',
    '"value":18446744073709551615',
  );
  const [rule] = parseSeccompText(text, HOST).syscalls;
  assertEquals(rule?.args?.[0]?.value, (1n << 64n) - 1n);
  assertThrows(
    () => parseSeccompText(text.replace("615,", "616,"), HOST),
    SpecError,
    "syscalls[0].args[0].value",
  );
  assertThrows(() => parseSeccompText("{", HOST), SpecError, "not JSON");
});
