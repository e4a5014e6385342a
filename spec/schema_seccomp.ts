/**
 * The schema of `linux.seccomp`. The result is the profile as written:
 * decisions that depend on the machine are made when the filter is compiled.
 */

import {
  checked,
  list,
  object,
  oneOf,
  type Place,
  type Reader,
  required,
  string,
  unlessEmpty,
  word,
} from "./reader.ts";
import { integer, uint32, word64 } from "./reader_numbers.ts";
import {
  SECCOMP_ACTIONS,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
  type SeccompArg,
} from "./seccomp.ts";
import type { Seccomp, SeccompAnswer } from "./types_linux.ts";

/** The architectures for which libseccomp has names. */
const ARCHITECTURES = [
  "SCMP_ARCH_X86",
  "SCMP_ARCH_X86_64",
  "SCMP_ARCH_X32",
  "SCMP_ARCH_ARM",
  "SCMP_ARCH_AARCH64",
  "SCMP_ARCH_LOONGARCH64",
  "SCMP_ARCH_M68K",
  "SCMP_ARCH_MIPS",
  "SCMP_ARCH_MIPS64",
  "SCMP_ARCH_MIPS64N32",
  "SCMP_ARCH_MIPSEL",
  "SCMP_ARCH_MIPSEL64",
  "SCMP_ARCH_MIPSEL64N32",
  "SCMP_ARCH_PARISC",
  "SCMP_ARCH_PARISC64",
  "SCMP_ARCH_PPC",
  "SCMP_ARCH_PPC64",
  "SCMP_ARCH_PPC64LE",
  "SCMP_ARCH_RISCV64",
  "SCMP_ARCH_S390",
  "SCMP_ARCH_S390X",
  "SCMP_ARCH_SH",
  "SCMP_ARCH_SHEB",
] as const;

const answer = oneOf<SeccompAnswer>([...SECCOMP_ACTIONS, "SCMP_ACT_NOTIFY"]);

const argument = object<SeccompArg>({
  index: required(integer(0, 5)),
  value: required(word64),
  valueTwo: word64,
  op: required(oneOf(SECCOMP_OPERATORS)),
});

type Rule = NonNullable<Seccomp["syscalls"]>[number];

const rule: Reader<Rule> = checked(
  object<Rule>({
    names: required(list(word)),
    action: required(answer),
    errnoRet: uint32,
    args: list(argument),
  }),
  ({ names, action, errnoRet }, place) => {
    if (!names.length) place.at("names").fault("is empty");
    checkErrno(action, errnoRet, place.at("errnoRet"));
  },
);

/** `linux.seccomp`. */
export const seccomp: Reader<Seccomp> = checked(
  object<Seccomp>({
    defaultAction: required(answer),
    defaultErrnoRet: uint32,
    architectures: list(oneOf(ARCHITECTURES)),
    flags: list(oneOf(SECCOMP_FLAGS)),
    listenerPath: unlessEmpty(string),
    listenerMetadata: unlessEmpty(string),
    syscalls: list(rule),
  }),
  (value, place) => {
    checkErrno(
      value.defaultAction,
      value.defaultErrnoRet,
      place.at("defaultErrnoRet"),
    );
    if (value.listenerMetadata && !value.listenerPath) {
      place.at("listenerMetadata").fault("needs a listenerPath");
    }
  },
);

/** Only two actions answer with a number. */
function checkErrno(
  action: SeccompAnswer,
  errno: number | undefined,
  place: Place,
): void {
  if (errno === undefined) return;
  const most = action === "SCMP_ACT_ERRNO"
    ? 4095
    : action === "SCMP_ACT_TRACE"
    ? 0xffff
    : null;
  if (most === null) place.fault(`${action} does not take an errno`);
  else if (errno > most) place.expected(`a number from 0 to ${most}`, errno);
}
