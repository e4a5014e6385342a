/**
 * What `run --seccomp learn` is made of: a filter that reports every call and
 * lets it through, the reports as the kernel writes them, and the profile that
 * comes of them. The reports are SECCOMP_RET_USER_NOTIF's: they need no
 * tracer, so a command that uses ptrace itself can be learned too, and they
 * reach threads, children and 32-bit programs alike.
 */

import type { SeccompProfile } from "../../spec/seccomp.ts";
import type { Call } from "../call.ts";
import { Assembler, RET } from "./bpf.ts";
import { installFilter, SECCOMP } from "./install.ts";
import { archOf, type CallArch, callName, OCI_ARCH } from "./syscalls.ts";

/** Requests of ioctl(2) on a listener, and its sizes (linux/seccomp.h, Linux 5.5). */
export const NOTIFY = {
  /** _IOWR('!', 0, struct seccomp_notif): waits for a report; the buffer must be zeroes. */
  SECCOMP_IOCTL_NOTIF_RECV: 0xc0502100,
  /** _IOWR('!', 1, struct seccomp_notif_resp): ENOENT where the caller was killed meanwhile. */
  SECCOMP_IOCTL_NOTIF_SEND: 0xc0182101,
  /** _IOW('!', 2, __u64) */
  SECCOMP_IOCTL_NOTIF_ID_VALID: 0x40082102,
  SECCOMP_USER_NOTIF_FLAG_CONTINUE: 1,
  /** sizeof(struct seccomp_notif) */
  reportSize: 80,
  /** sizeof(struct seccomp_notif_resp) */
  answerSize: 24,
} as const;

/** The slot in which {@linkcode installLearning} leaves the listener. */
export const LISTENER_SLOT = "listener";

/** The filter that reports every call. */
export function learnFilter(): Uint8Array<ArrayBuffer> {
  const assembler = new Assembler();
  return assembler.finish(assembler.ret(RET.USER_NOTIF));
}

/**
 * Puts it into force. The next call of the process waits until the listener,
 * a close-on-exec descriptor of that process, has been fetched from it with
 * pidfd_getfd(2) and answers.
 */
export function installLearning(): Call {
  return {
    ...installFilter(learnFilter(), SECCOMP.SECCOMP_FILTER_FLAG_NEW_LISTENER),
    result: LISTENER_SLOT,
  };
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
 * Calls whose appearance is a matter of luck: a signal at the right moment, or
 * a command that was killed before it ended.
 */
const BY_CHANCE = ["exit", "exit_group", "restart_syscall", "rt_sigreturn"];

/**
 * The profile that allows these calls and no others. The same names give the
 * same profile, whatever their order.
 */
export function profileOf(
  names: ReadonlySet<string>,
  archs: Iterable<CallArch> = [Deno.build.arch],
): SeccompProfile {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    architectures: [...new Set(archs)].map((arch) => OCI_ARCH[arch])
      .toSorted(),
    syscalls: [{
      names: [...new Set([...names, ...BY_CHANCE])].toSorted(),
      action: "SCMP_ACT_ALLOW",
    }],
  };
}
