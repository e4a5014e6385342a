/**
 * Compares our compiler with a direct evaluation of the rules, and with
 * libseccomp.
 */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { defaultSeccomp } from "./default_profile.ts";
import type {
  SeccompAction,
  SeccompArg,
  SeccompOperator,
  SeccompProfile,
  SeccompRule,
} from "../spec/seccomp.ts";
import { openLibseccomp } from "../tests/_libseccomp.ts";
import { compileSeccomp } from "./compile.ts";
import { type SeccompData, simulator } from "./simulate.ts";
import { type CallArch, callsOf, COMMON_FROM } from "./syscalls.ts";

const libseccomp = openLibseccomp();
// Needs libseccomp2 for the comparison.
const ignore = !libseccomp || Deno.build.arch !== "x86_64";

/** A generator with the same numbers in every run. */
function randomness(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

const WORDS = [
  0n,
  1n,
  2n,
  0x7e020000n,
  0x10000000n,
  0xfffffffen,
  0xffffffffn,
  0x100000000n,
  0x100000001n,
  0xffffffffffffffffn,
];

/** Compares all calls that both know and that the profile knows. */
function compare(profile: SeccompProfile, archs: CallArch[], seed: number) {
  const random = randomness(seed);
  const ours = simulator(compileSeccomp(profile, "x86_64"));
  const theirs = simulator(libseccomp!.compile(profile));
  const named = new Set(profile.syscalls.flatMap(({ names }) => names));
  const show = (data: SeccompData, decide: typeof ours) => {
    const { action, data: errno } = decide(data);
    return `${action} ${errno}`;
  };
  for (const arch of archs) {
    for (const [name, nr] of callsOf(arch)) {
      if (libseccomp!.numberOf(name, arch) < 0) continue;
      if (nr >= COMMON_FROM && !named.has(name)) continue;
      for (let round = 0; round < 12; round++) {
        const args = Array.from({ length: 6 }, () => {
          const word = WORDS[random(WORDS.length)]!;
          return arch === "x86" ? word & 0xffffffffn : word;
        });
        const data = { nr, arch, args };
        assertEquals(
          show(data, ours),
          show(data, theirs),
          `${name} (${args}) on ${arch}, profile ${seed}`,
        );
      }
    }
  }
}

const ACTIONS: SeccompAction[] = [
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_LOG",
  "SCMP_ACT_ALLOW",
];
const OPERATORS: SeccompOperator[] = [
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
];

/** A profile with at most this number of rules per call. */
function randomProfile(seed: number, most: number): SeccompProfile {
  const random = randomness(seed);
  const pick = <T>(list: readonly T[]) => list[random(list.length)]!;
  const syscalls: SeccompRule[] = [];
  const defaultAction = pick(ACTIONS);
  for (const [name] of callsOf("x86_64")) {
    if (random(3) === 0) continue;
    for (let rule = 1 + random(most); rule > 0; rule--) {
      const action = pick(ACTIONS);
      const takesErrno = action === "SCMP_ACT_ERRNO" ||
        action === "SCMP_ACT_TRACE";
      const base: SeccompRule = {
        names: [name],
        action,
        ...(takesErrno && { errnoRet: 100 }),
      };
      const indices = [0, 1, 2, 3, 4, 5].filter(() => random(4) === 0);
      if (!indices.length || random(2)) {
        syscalls.push(base);
        continue;
      }
      const args = indices.map((index) => ({
        index,
        op: pick(OPERATORS),
        value: pick(WORDS),
        valueTwo: pick(WORDS),
      } satisfies SeccompArg));
      syscalls.push({ ...base, args });
    }
  }
  return { defaultAction, syscalls };
}

/** Evaluates the rules one by one. */
function expected(
  { defaultAction, syscalls }: SeccompProfile,
  call: string,
  args: bigint[],
): string {
  const found = syscalls.filter(({ names, args: conditions = [] }) =>
    names.includes(call) &&
    conditions.every(({ index, op, value, valueTwo }) =>
      HOLDS[op](args[index]!, BigInt(value), BigInt(valueTwo ?? 0))
    )
  ).map(({ action }) => action);
  const strictest = STRICTEST_FIRST.find((action) => found.includes(action)) ??
    defaultAction;
  return strictest === "SCMP_ACT_KILL"
    ? "KILL_THREAD"
    : strictest.replace("SCMP_ACT_", "");
}

const STRICTEST_FIRST: SeccompAction[] = [
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_LOG",
  "SCMP_ACT_ALLOW",
];

const HOLDS: Record<
  SeccompOperator,
  (arg: bigint, value: bigint, two: bigint) => boolean
> = {
  SCMP_CMP_NE: (arg, value) => arg !== value,
  SCMP_CMP_LT: (arg, value) => arg < value,
  SCMP_CMP_LE: (arg, value) => arg <= value,
  SCMP_CMP_EQ: (arg, value) => arg === value,
  SCMP_CMP_GE: (arg, value) => arg >= value,
  SCMP_CMP_GT: (arg, value) => arg > value,
  SCMP_CMP_MASKED_EQ: (arg, value, two) => (arg & value) === (two & value),
};

Deno.test("compileSeccomp() decides like a direct evaluation of the rules", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = randomness(seed);
    const profile = randomProfile(seed, 4);
    const decide = simulator(compileSeccomp(profile, "x86_64"));
    const named = new Set(profile.syscalls.flatMap(({ names }) => names));
    for (const [name, nr] of callsOf("x86_64")) {
      if (nr >= COMMON_FROM && !named.has(name)) continue;
      for (let round = 0; round < 4; round++) {
        const args = Array.from(
          { length: 6 },
          () => WORDS[random(WORDS.length)]!,
        );
        assertEquals(
          decide({ nr, arch: "x86_64", args }).action,
          expected(profile, name, args),
          `${name} (${args}), profile ${seed}`,
        );
      }
    }
  }
});

Deno.test({
  name: "compileSeccomp() decides as libseccomp does",
  ignore,
  fn() {
    // One rule per call: between two rules with an ordering comparison,
    // libseccomp 2.5.4 does not reload the argument and compares the wrong
    // word.
    for (let seed = 1; seed <= 20; seed++) {
      compare(randomProfile(seed, 1), ["x86_64"], seed);
    }
  },
});

Deno.test({
  name: "compileSeccomp() decides as libseccomp does on the default profile",
  ignore,
  fn() {
    const all = ["CAP_SYS_ADMIN", "CAP_BPF", "CAP_SYS_PTRACE", "CAP_SYS_NICE"];
    for (const capabilities of [[], ["CAP_SYS_CHROOT"], all]) {
      const profile = defaultSeccomp({
        capabilities,
        kernel: [6, 1],
        arch: "x86_64",
      });
      // libseccomp drops a condition if the call also has an unconditional
      // rule.
      const syscalls = profile.syscalls.filter(({ names }) =>
        String(names) !== "ioctl"
      );
      compare({ ...profile, syscalls }, ["x86_64", "x86"], 1);
    }
  },
});
