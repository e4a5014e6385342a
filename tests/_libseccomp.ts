/**
 * libseccomp as a reference for tests: it compiles a profile in the same way as
 * runc and crun. The program never loads it.
 */

import type { SeccompAction, SeccompProfile } from "../spec/seccomp.ts";
import { RET } from "../seccomp/bpf.ts";

const symbols = {
  /** scmp_filter_ctx seccomp_init(uint32_t def_action) */
  seccomp_init: { parameters: ["u32"], result: "pointer" },
  /** void seccomp_release(scmp_filter_ctx) */
  seccomp_release: { parameters: ["pointer"], result: "void" },
  /** int seccomp_arch_add(scmp_filter_ctx, uint32_t arch_token) */
  seccomp_arch_add: { parameters: ["pointer", "u32"], result: "i32" },
  /** uint32_t seccomp_arch_resolve_name(const char *) */
  seccomp_arch_resolve_name: { parameters: ["buffer"], result: "u32" },
  /** int seccomp_syscall_resolve_name(const char *) */
  seccomp_syscall_resolve_name: { parameters: ["buffer"], result: "i32" },
  /** int seccomp_syscall_resolve_name_arch(uint32_t, const char *) */
  seccomp_syscall_resolve_name_arch: {
    parameters: ["u32", "buffer"],
    result: "i32",
  },
  /** int seccomp_rule_add_array(scmp_filter_ctx, uint32_t action, int syscall, unsigned arg_cnt, const struct scmp_arg_cmp *) */
  seccomp_rule_add_array: {
    parameters: ["pointer", "u32", "i32", "u32", "buffer"],
    result: "i32",
  },
  /** int seccomp_export_bpf(const scmp_filter_ctx, int fd) */
  seccomp_export_bpf: { parameters: ["pointer", "i32"], result: "i32" },
  /** const struct scmp_version *seccomp_version(void) */
  seccomp_version: { parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

type Library = Deno.DynamicLibrary<typeof symbols>["symbols"];

const ACTION: Record<SeccompAction, number> = {
  SCMP_ACT_KILL: RET.KILL_THREAD,
  SCMP_ACT_KILL_THREAD: RET.KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: RET.KILL_PROCESS,
  SCMP_ACT_TRAP: RET.TRAP,
  SCMP_ACT_ERRNO: RET.ERRNO,
  SCMP_ACT_TRACE: RET.TRACE,
  SCMP_ACT_NOTIFY: RET.USER_NOTIF,
  SCMP_ACT_LOG: RET.LOG,
  SCMP_ACT_ALLOW: RET.ALLOW,
};

const OPERATOR = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
} as const;
const ARG_SIZE = 24;
const EEXIST = -17;
/** The number of a name that libseccomp does not know (__NR_SCMP_ERROR). */
const NO_CALL = -1;

const text = (value: string) => new TextEncoder().encode(value + "\0");

/** Opens libseccomp, if it is installed. */
export function openLibseccomp(): Libseccomp | null {
  try {
    return new Libseccomp(Deno.dlopen("libseccomp.so.2", symbols).symbols);
  } catch {
    return null;
  }
}

/** The functions of the library that tests need. */
export class Libseccomp {
  readonly #library: Library;
  constructor(library: Library) {
    this.#library = library;
  }

  /**
   * The number of a call on an architecture such as "x86_64"; negative if it
   * has none.
   */
  numberOf(name: string, arch: string): number {
    const library = this.#library;
    const token = library.seccomp_arch_resolve_name(text(arch));
    return library.seccomp_syscall_resolve_name_arch(token, text(name));
  }

  /** Compiles like runc: rules that repeat the default are left out. */
  compile(profile: SeccompProfile): Uint8Array {
    const library = this.#library;
    const answer = (action: SeccompAction, errno = 1) => {
      const takesData = action === "SCMP_ACT_ERRNO" ||
        action === "SCMP_ACT_TRACE";
      return (ACTION[action] | (takesData ? errno : 0)) >>> 0;
    };
    const check = (result: number) => {
      if (result < 0) throw new Error(`libseccomp fails with ${result}`);
    };
    const fallback = answer(profile.defaultAction, profile.defaultErrnoRet);
    const context = library.seccomp_init(fallback);
    try {
      for (const name of profile.architectures ?? []) {
        const short = name.replace("SCMP_ARCH_", "").toLowerCase();
        const token = library.seccomp_arch_resolve_name(text(short));
        const result = library.seccomp_arch_add(context, token);
        if (result !== EEXIST) check(result);
      }
      for (const { names, action, errnoRet, args = [] } of profile.syscalls) {
        const result = answer(action, errnoRet);
        if (result === fallback) continue;
        const compared = new Uint8Array(Math.max(1, args.length) * ARG_SIZE);
        const view = new DataView(compared.buffer);
        args.forEach(({ index, op, value, valueTwo = 0 }, position) => {
          const at = position * ARG_SIZE;
          view.setUint32(at, index, true);
          view.setUint32(at + 4, OPERATOR[op], true);
          view.setBigUint64(at + 8, BigInt(value), true);
          view.setBigUint64(at + 16, BigInt(valueTwo), true);
        });
        for (const name of names) {
          const nr = library.seccomp_syscall_resolve_name(text(name));
          if (nr === NO_CALL) continue;
          const added = library.seccomp_rule_add_array(
            context,
            result,
            nr,
            args.length,
            compared,
          );
          if (added !== EEXIST) check(added);
        }
      }
      return this.#export(context);
    } finally {
      library.seccomp_release(context);
    }
  }

  #export(context: Deno.PointerObject | null): Uint8Array {
    const path = Deno.makeTempFileSync();
    try {
      using file = Deno.openSync(path, { write: true });
      // Deno hides a file's number: it is the descriptor that leads to the
      // path.
      const fd = [...Deno.readDirSync("/proc/self/fd")].find(({ name }) => {
        try {
          return Deno.readLinkSync(`/proc/self/fd/${name}`) === path;
        } catch {
          return false;
        }
      });
      file.syncSync();
      const result = this.#library.seccomp_export_bpf(
        context,
        Number(fd?.name),
      );
      if (result < 0) throw new Error(`libseccomp fails with ${result}`);
      return Deno.readFileSync(path);
    } finally {
      Deno.removeSync(path);
    }
  }
}
