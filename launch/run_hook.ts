/**
 * Runs a hook. The walker executes the hook, on the host or in the container's
 * namespaces, so no process that shares Deno's memory enters them. Runs on the
 * host, in the process that creates, starts or deletes the container.
 */

import {
  type Descriptor,
  emptyMemoryFile,
  memoryFile,
  moveUp,
  O,
  open,
  pipe,
  readAt,
} from "../ffi/fcntl.ts";
import { kill, SIGNAL } from "../ffi/signal.ts";
import { waitInBackground, type WaitStatus } from "../ffi/wait.ts";
import type { Step } from "../plan/step.ts";
import { below, checkStarted, ON_HOST } from "./diagnose.ts";
import { DESCRIPTOR } from "./lower/descriptors.ts";
import { compileSteps } from "./program.ts";
import { clonedPid, walk } from "./walker.ts";

/** The number of bytes of a hook's output that are shown. */
const OUTPUT_SIZE = 4096;

/** How a hook ended. */
export interface HookEnd {
  status: WaitStatus | null;
  /** Its output, cut off after 4096 bytes. */
  output: string;
  /** It exceeded its timeout and was killed. */
  late: boolean;
}

/**
 * Runs a hook and waits until it ends.
 *
 * @param steps the steps that lead to its execve, from plan/hooks.ts
 * @param input the hook's standard input
 * @param timeout in seconds; the hook is killed after that
 * @param root the root filesystem in which the hook is; by default the host's
 * @throws {CommandError} if the hook cannot be executed, otherwise the error of
 * the step that failed
 */
export async function runHook(
  steps: readonly Step[],
  { input, timeout, root }: { input: string; timeout?: number; root?: string },
): Promise<HookEnd> {
  using held = new DisposableStack();
  const hold = (descriptor: Descriptor) => held.use(moveUp(descriptor));
  const written = hold(memoryFile("state", new TextEncoder().encode(input)));
  // Opening the file again gives a read-only descriptor at offset 0.
  const stdin = hold(open(`/proc/self/fd/${written.fd}`, O.O_RDONLY));
  const output = hold(emptyMemoryFile("output"));
  const { read, write } = pipe();
  const lifeline = hold(read);
  hold(write);
  const walking = held.use(walk(compileSteps(steps), () => steps, {
    fds: { 0: stdin, 1: output, 2: output, [DESCRIPTOR.lifeline]: lifeline },
  }));
  const pid = steps.some(({ step }) => step === "clone")
    ? clonedPid(walking)
    : walking.pid;
  let late = false;
  const timer = timeout === undefined ? undefined : setTimeout(() => {
    late = true;
    // Kill its process group and the process itself: the group may not exist
    // yet.
    kill(-pid, SIGNAL.SIGKILL);
    kill(pid, SIGNAL.SIGKILL);
  }, timeout * 1000);
  try {
    const status = await waitInBackground(pid);
    checkStarted(
      walking,
      root === undefined ? ON_HOST : below(root, held),
    );
    return { status, output: textOf(output), late };
  } finally {
    clearTimeout(timer);
  }
}

function textOf({ fd }: Descriptor): string {
  const bytes = new Uint8Array(OUTPUT_SIZE);
  return new TextDecoder().decode(bytes.subarray(0, readAt(fd, bytes, 0)))
    .trim();
}
