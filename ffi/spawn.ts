/** spawn.h: the only way in which our processes start others. */

import type { Descriptor } from "./fcntl.ts";
import { lazily, openLibc } from "./libc.ts";
import { errnoName, SyscallError } from "./errno.ts";
import { addressOf, cString } from "./memory.ts";
import { resetIfIgnored, SIGNAL } from "./signal.ts";

const load = lazily(
  {
    /** int posix_spawn(...) */
    posix_spawn: {
      parameters: [
        "i64", // pid_t *pid
        "i64", // const char *path
        "i64", // const posix_spawn_file_actions_t *file_actions
        "i64", // const posix_spawnattr_t *attrp
        "i64", // char *const argv[]
        "i64", // char *const envp[]
      ],
      result: "i32",
    },
    /** int posix_spawn_file_actions_init(posix_spawn_file_actions_t *) */
    posix_spawn_file_actions_init: { parameters: ["i64"], result: "i32" },
    /** int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *, int fildes, int newfildes) */
    posix_spawn_file_actions_adddup2: {
      parameters: ["i64", "i32", "i32"],
      result: "i32",
    },
    /** int posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *, int fildes); glibc 2.29, musl 1.1.24 */
    posix_spawn_file_actions_addfchdir_np: {
      parameters: ["i64", "i32"],
      result: "i32",
      optional: true,
    },
    /** int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *) */
    posix_spawn_file_actions_destroy: { parameters: ["i64"], result: "i32" },
  } as const,
);

const FILE_ACTIONS_SIZE = 80;

/** Binds the symbols early: before a new root, or while there is time. */
export function openSpawn(): void {
  openLibc();
  load();
}

/**
 * posix_spawn(3) with an empty environment. The new process has the caller's
 * standard streams, the descriptors of `fds`, and no other descriptor that is
 * close-on-exec. Returns the pid once the program is running.
 *
 * Runs on the calling thread. A parent-death signal is tied to that thread, so
 * call this from the main one.
 *
 * @param fds the descriptor number in the new process: the number here. Every
 * number here has to be above all numbers there.
 * @param directory the working directory, also for a relative path
 * @throws SyscallError with the reason
 */
export function spawn(
  path: string,
  argv: string[],
  fds: Record<number, number>,
  directory?: Descriptor,
): number {
  const libc = load();
  const actions = new Uint8Array(FILE_ACTIONS_SIZE);
  const pid = new Int32Array(1);
  const words = argv.map(cString);
  const pointers = new BigUint64Array([...words.map(addressOf), 0n]);
  const none = new BigUint64Array([0n]);
  const program = cString(path);
  // If SIGCHLD is ignored, as our caller may have left it, the kernel reaps
  // children that we wait for.
  resetIfIgnored(SIGNAL.SIGCHLD);
  const bytes = (array: ArrayBufferView<ArrayBuffer>) =>
    addressOf(new Uint8Array(array.buffer));
  const check = (call: string, errno: number) => {
    if (errno) throw new SyscallError(call, errnoName(errno));
  };
  check(
    "posix_spawn_file_actions_init",
    libc.posix_spawn_file_actions_init(addressOf(actions)),
  );
  try {
    if (directory) {
      const enter = libc.posix_spawn_file_actions_addfchdir_np;
      if (!enter) {
        throw new SyscallError(
          "posix_spawn_file_actions_addfchdir_np",
          "ENOSYS",
        );
      }
      check("fchdir", enter(addressOf(actions), directory.fd));
    }
    for (const [there, here] of Object.entries(fds)) {
      check(
        "posix_spawn_file_actions_adddup2",
        libc.posix_spawn_file_actions_adddup2(
          addressOf(actions),
          here,
          Number(there),
        ),
      );
    }
    check(
      "posix_spawn",
      libc.posix_spawn(
        bytes(pid),
        addressOf(program),
        addressOf(actions),
        0n,
        bytes(pointers),
        bytes(none),
      ),
    );
  } finally {
    libc.posix_spawn_file_actions_destroy(addressOf(actions));
  }
  // Using them after the call keeps the garbage collector from freeing them.
  if (!words.length || !pointers.length || !none.length) throw new RangeError();
  return pid[0]!;
}
