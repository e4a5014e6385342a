/**
 * The parts of `run --seccomp learn`: a filter that reports every call and
 * allows it, the format of the reports, and the profile made from them. The
 * reports are those of SECCOMP_RET_USER_NOTIF. They need no tracer, so a
 * command that uses ptrace itself can be learned too, and they include threads,
 * children and 32-bit programs. seccomp/serve.ts receives them.
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

/**
 * ioctl(2) requests for a listener, and their sizes (linux/seccomp.h, Linux
 * 5.5).
 */
export const NOTIFY = {
  /**
   * _IOWR('!', 0, struct seccomp_notif): waits for a report; the buffer must be
   * zero.
   */
  SECCOMP_IOCTL_NOTIF_RECV: 0xc0502100,
  /**
   * _IOWR('!', 1, struct seccomp_notif_resp): ENOENT if the caller was killed
   * meanwhile.
   */
  SECCOMP_IOCTL_NOTIF_SEND: 0xc0182101,
  /** _IOW('!', 2, __u64) */
  SECCOMP_IOCTL_NOTIF_ID_VALID: 0x40082102,
  /** _IOW('!', 4, __u64), Linux 6.6 */
  SECCOMP_IOCTL_NOTIF_SET_FLAGS: 0x40082104,
  SECCOMP_USER_NOTIF_FLAG_CONTINUE: 1,
  /**
   * The listener sleeps after its answer, so the caller can continue on the
   * same CPU. That halves the time.
   */
  SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP: 1,
  /** sizeof(struct seccomp_notif) */
  reportSize: 80,
  /** sizeof(struct seccomp_notif_resp) */
  answerSize: 24,
} as const;

/**
 * Calls that appear by chance: at an exit, after a signal at the right moment,
 * in a late thread. vdso(7) answers some of them without the kernel on one
 * machine and not on another.
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

/** The same for calls that only 32-bit architectures have. */
const BY_CHANCE_32 = ["clock_gettime64", "futex_time64", "sigreturn"];

/**
 * These are in the profile anyway, and a walker that fails must not wait for an
 * answer.
 */
const ENDS = ["exit_group", "exit"];

/**
 * The filter that reports every call, except those that end a process and our
 * own.
 */
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

/** struct seccomp_notif: a thread and the call that it wants to make. */
export interface Report {
  /** Identifies the report in the answer. */
  id: bigint;
  /** The thread's id in the listener's PID namespace. */
  tid: number;
  nr: number;
  /** Undefined if we do not know the architecture. */
  arch: CallArch | undefined;
  /** The address of the calling instruction. */
  from: bigint;
  args: bigint[];
}

/** Decodes the result of SECCOMP_IOCTL_NOTIF_RECV. */
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

/** The name of the reported call; undefined if it is not in our tables. */
export function reportedName({ nr, arch }: Report): string | undefined {
  return arch && callName(nr, arch);
}

/** struct seccomp_notif_resp: allows the call. */
export function carryOn(id: bigint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(NOTIFY.answerSize);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, id, true);
  view.setUint32(20, NOTIFY.SECCOMP_USER_NOTIF_FLAG_CONTINUE, true);
  return bytes;
}

/**
 * The profile that allows these calls and no others. It does not depend on
 * their order.
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
 * The sixth argument of calls that the filter does not report. The listener
 * cannot answer before it has been sent, so the calls that send it must not
 * wait for an answer. The kernel ignores their sixth argument. It is no secret:
 * the filter allows every call anyway.
 */
export const UNREPORTED = 0x6c_65_61_72_6e_69_6e_67n;
