/** Lowering of the last steps before the user's command. */

import { fromBase64 } from "../../ffi/base64.ts";
import {
  LINUX_CAPABILITY_VERSION_3,
  PR,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_RAISE,
} from "../../ffi/prctl.ts";
import { RLIM_INFINITY, RLIMIT } from "../../ffi/resource.ts";
import { SIGNAL } from "../../ffi/signal.ts";
import { CAPABILITIES } from "../../plan/process/capabilities.ts";
import type { LimitValue } from "../../plan/step.ts";
import { SpecError } from "../../spec/errors.ts";
import { isId } from "../../spec/ids.ts";
import type { Call, Instruction } from "../bytecode/call.ts";
import { installFilter } from "./seccomp_filter.ts";
import type { Lowering } from "./lowering.ts";
import { writeToProc } from "./kernel_filesystems.ts";

const CWD_SIZE = 4096;
/** CONFIG_NR_CPUS of the largest kernels. */
const MOST_CPUS = 8192;

/** linux/personality.h. */
export const PERSONALITY = { LINUX: 0, LINUX32: 8 } as const;

const capabilityNumber = (name: string) => {
  const number = CAPABILITIES.indexOf(name as typeof CAPABILITIES[number]);
  if (number < 0) throw new SpecError(`Unknown capability ${name}`);
  return number;
};

const capabilityBits = (names: readonly string[]) =>
  names.reduce((bits, name) => bits | 1n << BigInt(capabilityNumber(name)), 0n);

/** The number of bits of a capability set. */
const MOST_CAPABILITIES = 64;

const dropFromBounding = (number: number): Call => ({
  name: "prctl",
  args: [PR.PR_CAPBSET_DROP, number, 0, 0, 0],
});

/** struct __user_cap_data_struct[2] of capset(2). */
function capabilityData(sets: (readonly string[])[]): Uint8Array {
  const words = new Uint32Array(6);
  sets.map(capabilityBits).forEach((bits, index) => {
    words[index] = Number(bits & 0xffffffffn);
    words[index + 3] = Number(bits >> 32n);
  });
  return new Uint8Array(words.buffer);
}

/**
 * The last check of ids: a number that the kernel truncates could become
 * root's.
 */
function checkIds(ids: readonly number[]): [] {
  const wrong = ids.find((id) => !isId(id));
  if (wrong !== undefined) throw new SpecError(`${wrong} is not a valid ID`);
  return [];
}

export const lowerProcess: Lowering<
  | "setIds"
  | "keepCapabilities"
  | "limitCapabilities"
  | "setCapabilities"
  | "setNoNewPrivileges"
  | "setRlimit"
  | "setOomScore"
  | "setUmask"
  | "setNice"
  | "setAffinity"
  | "setPersonality"
  | "setSeccomp"
  | "setLabel"
  | "changeDirectory"
  | "checkDirectory"
  | "execute"
  | "killAll"
> = {
  setIds: ({ uid, gid, groups }) => [
    ...checkIds([uid, gid, ...groups ?? []]),
    ...(groups === null ? [] : [
      {
        name: "setgroups",
        args: [
          groups.length,
          groups.length ? new Uint8Array(new Uint32Array(groups).buffer) : null,
        ],
      } as const,
    ]),
    { name: "setresgid", args: [gid, gid, gid] },
    { name: "setresuid", args: [uid, uid, uid] },
  ],
  keepCapabilities: () => [
    { name: "prctl", args: [PR.PR_SET_KEEPCAPS, 1, 0, 0, 0] },
  ],
  // Every supported kernel knows the capabilities named here. A newer kernel
  // may have others, which nobody can have asked for.
  limitCapabilities: ({ bounding }) => [
    { name: "prctl", args: [PR.PR_SET_SECUREBITS, 0, 0, 0, 0] },
    ...CAPABILITIES.filter((name) => !bounding.includes(name)).map((name) =>
      dropFromBounding(capabilityNumber(name))
    ),
    ...Array.from(
      { length: MOST_CAPABILITIES - CAPABILITIES.length },
      (_, index): Instruction => ({
        ...dropFromBounding(CAPABILITIES.length + index),
        // prctl(2): this kernel does not have this capability, nor any later
        // one.
        expect: ["EINVAL"],
        skipOnExpected: MOST_CAPABILITIES - CAPABILITIES.length - index - 1,
      }),
    ),
  ],
  setCapabilities: ({ effective, permitted, inheritable, ambient }) => [
    {
      name: "capset",
      args: [
        new Uint8Array(
          new Uint32Array([LINUX_CAPABILITY_VERSION_3, 0]).buffer,
        ),
        capabilityData([effective, permitted, inheritable]),
      ],
    },
    {
      name: "prctl",
      args: [PR.PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0],
    },
    ...ambient.map((name): Instruction => ({
      name: "prctl",
      args: [
        PR.PR_CAP_AMBIENT,
        PR_CAP_AMBIENT_RAISE,
        capabilityNumber(name),
        0,
        0,
      ],
    })),
  ],
  setNoNewPrivileges: () => [
    { name: "prctl", args: [PR.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0] },
  ],
  setRlimit: ({ type, soft, hard }) => {
    const resource = RLIMIT[type];
    if (resource === undefined) throw new SpecError(`Unknown limit ${type}`);
    const word = (value: LimitValue) =>
      typeof value === "number" && value < 0 ? RLIM_INFINITY : BigInt(value);
    return [{
      name: "prlimit64",
      args: [
        0,
        resource,
        new Uint8Array(new BigUint64Array([word(soft), word(hard)]).buffer),
        null,
      ],
    }];
  },
  setOomScore: ({ score }) =>
    writeToProc("/proc/self/oom_score_adj", String(score)),
  setUmask: ({ mask }) => [{ name: "umask", args: [mask] }],
  setNice: ({ nice }) => [{ name: "setpriority", args: [0, 0, nice] }],
  setAffinity: ({ cpus }) => {
    // The kernel ignores CPUs that do not exist or are not in the cpuset.
    if (cpus === "all") {
      const all = new Uint8Array(MOST_CPUS / 8).fill(0xff);
      return [{ name: "sched_setaffinity", args: [0, all.length, all] }];
    }
    const mask = new Uint8Array(128);
    for (const cpu of cpus) mask[cpu >> 3]! |= 1 << (cpu & 7);
    return [{ name: "sched_setaffinity", args: [0, mask.length, mask] }];
  },
  setPersonality: ({ domain }) => [
    { name: "personality", args: [PERSONALITY[domain]] },
  ],
  setSeccomp: ({ filter, flags }) => [
    installFilter(fromBase64(filter), flags),
  ],
  setLabel: ({ kind, label }) =>
    kind === "apparmor"
      ? writeToProc("/proc/self/attr/apparmor/exec", `exec ${label}`)
      : writeToProc("/proc/self/attr/exec", label),
  changeDirectory: ({ path, turn }) => {
    if (!turn) return [{ name: "chdir", args: [path] }];
    if (turn === "first") {
      return [{
        name: "chdir",
        args: [path],
        result: "entered",
        expect: ["EACCES", "EPERM"],
      }];
    }
    return [
      {
        name: "compare",
        args: [{ addressOf: "entered" }, new Uint8Array(8), 8],
        otherwise: "EACCES",
        expect: ["EACCES"],
        skipOnExpected: 1,
      },
      {
        name: "chdir",
        args: [path],
        expect: ["EACCES", "EPERM"],
        skipOnSuccess: 1,
        skipOnExpected: 1,
      },
      { name: "chdir", args: [path] },
    ];
  },
  checkDirectory: () => {
    // For a directory outside the root, the kernel returns "(unreachable)/…".
    const buffer = new Uint8Array(CWD_SIZE);
    return [
      { name: "getcwd", args: [buffer, CWD_SIZE] },
      { name: "compare", args: [buffer, "/", 1], otherwise: "EXDEV" },
    ];
  },
  // Like execvp(3): missing and forbidden candidates are skipped; at the end an
  // error names the command.
  execute: ({ candidates, argv, env }) => [
    ...candidates.map((path): Instruction => ({
      name: "execve",
      args: [path, argv, env],
      expect: ["ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG"],
    })),
    { name: "fail", error: "ENOENT" },
  ],
  killAll: () => [{
    name: "kill",
    args: [-1, SIGNAL.SIGKILL],
    expect: ["ESRCH"],
  }],
};
