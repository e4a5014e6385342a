/**
 * What `run --seccomp learn` is made of: a filter that reports every call and
 * lets it through, the reports as the kernel writes them, and the profile that
 * comes of them. The reports are SECCOMP_RET_USER_NOTIF's: they need no
 * tracer, so a command that uses ptrace itself can be learned too, and they
 * reach threads, children and 32-bit programs alike. seccomp/serve.ts
 * receives them.
 */

import type { SeccompProfile } from "../spec/seccomp.ts";
import { Assembler, BPF, DATA, RET } from "./bpf.ts";
import {
  archOf,
  AUDIT_ARCH,
  type CallArch,
  callName,
  callNumber,
  OCI_ARCH,
} from "./syscalls.ts";

/** Requests of ioctl(2) on a listener, and its sizes (linux/seccomp.h, Linux 5.5). */
export const NOTIFY = {
  /** _IOWR('!', 0, struct seccomp_notif): waits for a report; the buffer must be zeroes. */
  SECCOMP_IOCTL_NOTIF_RECV: 0xc0502100,
  /** _IOWR('!', 1, struct seccomp_notif_resp): ENOENT where the caller was killed meanwhile. */
  SECCOMP_IOCTL_NOTIF_SEND: 0xc0182101,
  /** _IOW('!', 2, __u64) */
  SECCOMP_IOCTL_NOTIF_ID_VALID: 0x40082102,
  /** _IOW('!', 4, __u64), Linux 6.6 */
  SECCOMP_IOCTL_NOTIF_SET_FLAGS: 0x40082104,
  SECCOMP_USER_NOTIF_FLAG_CONTINUE: 1,
  /** Who answers sleeps next: the caller can go on where it ran, which halves the time. */
  SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP: 1,
  /** sizeof(struct seccomp_notif) */
  reportSize: 80,
  /** sizeof(struct seccomp_notif_resp) */
  answerSize: 24,
} as const;

/**
 * Calls whose appearance is a matter of luck: those of an end, of a signal at
 * the right moment, of a thread that comes late; and those that vdso(7) answers
 * without the kernel on one machine and not on the next.
 */
const BY_CHANCE = [
  "clock_getres",
  "clock_gettime",
  "exit",
  "exit_group",
  "futex",
  "getcpu",
  "gettimeofday",
  "restart_syscall",
  "rt_sigreturn",
  "time",
];

/** Their like that only 32-bit architectures have. */
const BY_CHANCE_32 = ["clock_gettime64", "futex_time64", "sigreturn"];

/** What makes no difference to the profile; a walker that has to give up must not wait. */
const ENDS = ["exit_group", "exit"];

/** The filter that reports every call but those that end a process, and our own. */
export function learnFilter(
  arch: typeof Deno.build.arch = Deno.build.arch,
): Uint8Array<ArrayBuffer> {
  const assembler = new Assembler();
  const allow = assembler.ret(RET.ALLOW);
  const report = assembler.ret(RET.USER_NOTIF);
  const sixth = DATA.args + 5 * 8;
  const word = (offset: number, value: bigint, next: number) =>
    assembler.load(
      offset,
      assembler.jump(BPF.JEQ, Number(value), next, report),
    );
  let next = word(sixth + 4, UNREPORTED >> 32n, allow);
  next = word(sixth, UNREPORTED & 0xffffffffn, next);
  for (const name of ENDS) {
    next = assembler.jump(BPF.JEQ, callNumber(name, arch)!, allow, next);
  }
  const own = assembler.load(DATA.nr, next);
  return assembler.finish(
    assembler.load(
      DATA.arch,
      assembler.jump(BPF.JEQ, AUDIT_ARCH[arch], own, report),
    ),
  );
}

/** struct seccomp_notif: who wants to call what. */
export interface Report {
  /** What the answer refers to. */
  id: bigint;
  /** The thread, as the listener's PID namespace numbers it. */
  tid: number;
  nr: number;
  /** Unknown to us: undefined. */
  arch: CallArch | undefined;
  /** The address of the instruction that calls. */
  from: bigint;
  args: bigint[];
}

/** Reads what SECCOMP_IOCTL_NOTIF_RECV wrote. */
export function readReport(bytes: Uint8Array): Report {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    id: view.getBigUint64(0, true),
    tid: view.getUint32(8, true),
    nr: view.getInt32(16, true),
    arch: archOf(view.getUint32(20, true)),
    from: view.getBigUint64(24, true),
    args: Array.from(
      { length: 6 },
      (_, index) => view.getBigUint64(32 + 8 * index, true),
    ),
  };
}

/** The name of the reported call; undefined for one that nobody needs allowed. */
export function reportedName({ nr, arch }: Report): string | undefined {
  return arch && callName(nr, arch);
}

/** struct seccomp_notif_resp: the call shall be carried out. */
export function carryOn(id: bigint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(NOTIFY.answerSize);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, id, true);
  view.setUint32(20, NOTIFY.SECCOMP_USER_NOTIF_FLAG_CONTINUE, true);
  return bytes;
}

/**
 * The profile that allows these calls and no others. The same names give the
 * same profile, whatever their order.
 */
export function profileOf(
  names: ReadonlySet<string>,
  archs: Iterable<CallArch> = [Deno.build.arch],
): SeccompProfile {
  const all = new Set(archs);
  const by32 = all.has("x86") || all.has("arm") ? BY_CHANCE_32 : [];
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    architectures: [...all].map((arch) => OCI_ARCH[arch]).toSorted(),
    syscalls: [{
      names: [...new Set([...names, ...BY_CHANCE, ...by32])].toSorted(),
      action: "SCMP_ACT_ALLOW",
    }],
  };
}

/**
 * The sixth argument of a call that the filter lets through unreported. The
 * listener cannot answer while it is on its way, so the calls that send it must
 * not wait for an answer; the kernel ignores a sixth argument of theirs. It
 * guards nothing: the filter lets every call through in the end.
 */
export const UNREPORTED = 0x6c_65_61_72_6e_69_6e_67n;
