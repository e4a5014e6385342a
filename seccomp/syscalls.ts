/**
 * Names and numbers of all system calls, for filters: those of this machine's
 * architecture and of the 32-bit architecture that its kernel runs too. The
 * tables are decoded on demand.
 */

import { ABOVE, COMMON, OWN } from "./numbers.ts";

/** An architecture whose calls a filter can name. */
export type CallArch = keyof typeof OWN;

/** AUDIT_ARCH_* of linux/audit.h: the kernel's number of each. */
export const AUDIT_ARCH: Record<CallArch, number> = {
  x86_64: 0xc000003e,
  x86: 0x40000003,
  aarch64: 0xc00000b7,
  arm: 0x40000028,
};

/** The names of OCI. */
export const OCI_ARCH: Record<CallArch, string> = {
  x86_64: "SCMP_ARCH_X86_64",
  x86: "SCMP_ARCH_X86",
  aarch64: "SCMP_ARCH_AARCH64",
  arm: "SCMP_ARCH_ARM",
};

/** The 32-bit architecture that a kernel runs in addition to its own. */
export const COMPATIBLE = { x86_64: "x86", aarch64: "arm" } as const;

/** The first number that all architectures share (Linux 5.1). */
export const COMMON_FROM = 424;

/** A call and its number. */
export type NumberedCall = readonly [name: string, number: number];

const tables = new Map<CallArch, readonly NumberedCall[]>();

/** All calls of an architecture, ordered by number; a few have two names. */
export function callsOf(arch: CallArch): readonly NumberedCall[] {
  const known = tables.get(arch);
  if (known) return known;
  const calls: NumberedCall[] = [];
  let number = 0;
  const add = (text: string) => {
    for (const word of text.split(" ")) {
      const jump = word.charCodeAt(0) <= 57; // "9": names start with letters
      if (jump) number = Number(word);
      else calls.push([word, number++]);
    }
  };
  add(OWN[arch]);
  add(COMMON);
  if (ABOVE[arch]) add(ABOVE[arch]);
  tables.set(arch, calls);
  return calls;
}

/** The number of a call, if the architecture has it. */
export function callNumber(name: string, arch: CallArch): number | undefined {
  return callsOf(arch).find(([known]) => known === name)?.[1];
}

/** Whether any of these architectures has a call with this name. */
export function isCall(name: string): boolean {
  return (Object.keys(OWN) as CallArch[]).some((arch) =>
    callNumber(name, arch) !== undefined
  );
}

/** The name of a call, if the table has it. */
export function callName(number: number, arch: CallArch): string | undefined {
  return callsOf(arch).find(([, known]) => known === number)?.[0];
}

/** The architecture of an AUDIT_ARCH number. */
export function archOf(audit: number): CallArch | undefined {
  return (Object.keys(AUDIT_ARCH) as CallArch[]).find((arch) =>
    AUDIT_ARCH[arch] === audit >>> 0
  );
}
